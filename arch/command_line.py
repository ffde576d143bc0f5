"""What the command lines of all folders share."""

import argparse


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Help texts with the defaults that there are: None is not one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)
