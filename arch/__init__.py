"""What the machine is: its sizes, its instructions, its numbers and its memory formats."""
