#!/usr/bin/env python3
"""Checks vector files against the reference implementation.

    check_vectors.py PATH...

A PATH is a scheme-<suite>.json, linkage-and-pseudonyms.json, terminals.json, a file of an invalid vector, or a folder with
these and invalid/*.json in it.
Every field is recomputed. The exit code is 0 only when something was checked and all of it passed.
"""

import sys
from pathlib import Path

from symbolon_reference.checking import FieldError, Fields, Tally, load_json
from symbolon_reference.invalid_file import check_invalid_file
from symbolon_reference.pseudonym_file import check_pseudonym_file
from symbolon_reference.scheme_file import Context, check_scheme_file
from symbolon_reference.terminal_file import check_terminal_file
from symbolon_reference.wire import Refused

UNREADABLE = (OSError, ValueError, FieldError, Refused)


def files_of(path):
    """The files that a PATH stands for."""
    if not path.is_dir():
        return [path]
    if path.name == "invalid":
        return sorted(path.glob("*.json"))
    names = ("scheme-*.json", "linkage-and-pseudonyms.json", "terminals.json", "invalid/*.json")
    return [file for name in names for file in sorted(path.glob(name))]


def context_in(folder, suite):
    """A file given alone still needs its suite's authority, from the folder of the scheme files."""
    for candidate in sorted(folder.glob("scheme-*.json")):
        document = load_json(candidate)
        if document.get("suite") == suite:
            return Context(document)
    raise FieldError(f"there is no scheme file of suite {suite}")


def check_scheme(tally, contexts, path, document):
    context = Context(document)
    contexts[context.curve.name] = context
    counts = check_scheme_file(tally, document, context, path.name)
    listed = ", ".join(f"{count} {section}" for section, count in counts.items())
    print(f"{path.name}: {context.curve.name}, authority {context.authority.id.hex()[:16]}..., {listed}")


def check_invalid(tally, contexts, path, document):
    fields = Fields(document)
    suite = fields.text("suite")
    if suite not in contexts:
        contexts[suite] = context_in(path.resolve().parent.parent, suite)
    return check_invalid_file(tally, contexts[suite], fields, path.name)


def check_of_both(check, tally, contexts, path, document):
    """A file whose vectors name their suites."""
    def context_of(suite):
        if suite not in contexts:
            contexts[suite] = context_in(path.resolve().parent, suite)
        return contexts[suite]

    counts = check(tally, document, context_of, path.name)
    listed = ", ".join(f"{count} {section}" for section, count in counts.items())
    print(f"{path.name}: {listed}")


def check_paths(paths):
    """Checks all files, scheme files first since the invalid ones stand on their authorities."""
    tally, contexts, invalid, notes = Tally(), {}, [], []
    for path in [file for path in paths for file in files_of(Path(path))]:
        try:
            document = load_json(path)
            if isinstance(document, dict) and "structure" in document:
                invalid.append((path, document))
            elif isinstance(document, dict) and "linkage" in document:
                check_of_both(check_pseudonym_file, tally, contexts, path, document)
            elif isinstance(document, dict) and "exchanges" in document:
                check_of_both(check_terminal_file, tally, contexts, path, document)
            else:
                check_scheme(tally, contexts, path, document)
        except UNREADABLE as error:
            tally.expect(str(path), False, str(error))
    by_structure = {}
    for path, document in invalid:
        try:
            notes.append(check_invalid(tally, contexts, path, document))
        except UNREADABLE as error:
            tally.expect(path.name, False, str(error))
        structure = str(document["structure"])
        by_structure[structure] = by_structure.get(structure, 0) + 1
    if invalid:
        listed = ", ".join(f"{count} {structure}" for structure, count in sorted(by_structure.items()))
        print(f"invalid: {len(invalid)} files: {listed}")
    return tally, [note for note in notes if note]


def main(arguments):
    if not arguments or any(argument.startswith("-") for argument in arguments):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    tally, notes = check_paths(arguments)
    for note in notes:
        print(f"note: {note}")
    for failure in tally.failures:
        print(f"FAILED {failure}")
    if tally.passed + tally.failed == 0:
        print("nothing was checked")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 0 if tally.passed and not tally.failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
