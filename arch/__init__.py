"""What the machine is: sizes, instructions, registers, formats. And what all commands share."""
