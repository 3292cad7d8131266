"""The commands, one file each: arguments in, output and exit code out, no logic.

A command is a module with `EXAMPLES`, `add_arguments(parser)` and `run(arguments) -> exit code`. It is
imported only when it is asked for, so that `status` does not pay for `decode`.
"""
