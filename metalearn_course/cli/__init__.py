"""The `metalearn` command: main.py has the subcommands, the other files what they need."""
