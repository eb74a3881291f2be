"""`python -m seqdl`: the same as the `seqdl` command."""

import sys

from seqdl.cli.main import main

sys.exit(main())
