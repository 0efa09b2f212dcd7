#!/usr/bin/env python3
"""Write compile_commands.json to standard output, for editors and clang-tidy.

    compile_commands.py 'COMPILER FLAGS' SOURCE...
"""
import json
import os
import sys


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    command, sources = sys.argv[1], sys.argv[2:]
    json.dump([{"directory": os.getcwd(), "file": source,
                "command": f"{command} -c {source}"} for source in sources],
              sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
