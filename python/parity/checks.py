"""Counts named checks, prints one line each, and leaves the counts in a file for .ci/run."""

import json
import sys


class Checks:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def that(self, name, holds, detail=""):
        """Counts one check; `detail` says what was found."""
        if holds:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok  ' if holds else 'FAIL'} {name}{': ' + detail if detail else ''}")

    def finish(self, counts_path=None):
        """Prints and stores the counts, and ends the process: 0 only if something was checked and nothing failed."""
        print(f"{self.passed} passed, {self.failed} failed")
        if counts_path is not None:
            with open(counts_path, "w", encoding="utf-8") as file:
                json.dump({"passed": self.passed, "failed": self.failed}, file)
        sys.exit(0 if self.passed > 0 and self.failed == 0 else 1)
