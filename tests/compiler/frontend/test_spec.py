"""Operator classes: consistent with each other, and named nowhere else."""

import ast
from pathlib import Path

import onnx
import pytest

from compiler.frontend import integers, spec
from compiler.frontend.operators.elementwise import ELEMENTWISE
from compiler.frontend.passes.check_operators import SUPPORTED

FRONTEND = Path(spec.__file__).parent
SETS = {name: value for name, value in vars(spec).items() if isinstance(value, frozenset)}
#: Operators that only passes make.
MADE = {"Enlarge", "Interleave", spec.UNKNOWN, spec.HOST}
#: Tables that are by nature about single operators: how each is computed, and what is known of it.
TABLES = {"operators", "integers.py", "spec.py"}


@pytest.mark.parametrize("name", sorted(SETS))
def test_members_are_operators(name):
    known = {schema.name for schema in onnx.defs.get_all_schemas_with_history()}
    assert SETS[name] <= known | spec.QUANTISERS | MADE


def test_every_set_says_what_it_means():
    body = ast.parse(Path(spec.__file__).read_text()).body
    for statement, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.Assign):
            name = statement.targets[0].id
            said = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            assert said, f"{name} has no docstring"


def test_classes_fit_together():
    assert spec.MOVING_CODES < spec.MOVING
    assert spec.WITHIN_CHANNELS < spec.QUANTISED_BEFORE < spec.MOVING
    assert spec.STRUCTURAL.isdisjoint(ELEMENTWISE)
    assert spec.STRUCTURAL | ELEMENTWISE == SUPPORTED
    assert spec.AFFINE | spec.QUANTISERS | spec.QDQ <= ELEMENTWISE
    assert integers.OPERATORS.keys() >= spec.JOINING
    assert spec.STEERED <= spec.MOVING_IN_FILES | ELEMENTWISE
    assert spec.UNKNOWN not in SUPPORTED


def literal_classes(path: Path) -> list[tuple[int, set[str]]]:
    """Line and members of every set, list or tuple of several operators, in one file."""
    names = SUPPORTED | spec.MOVING
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Set | ast.Tuple | ast.List):
            members = {e.value for e in node.elts if isinstance(e, ast.Constant)}
            if len(members & names) > 1:
                found.append((node.lineno, members & names))
    return found


def test_no_other_file_lists_operators():
    for path in sorted(FRONTEND.rglob("*.py")):
        if TABLES.isdisjoint(path.relative_to(FRONTEND).parts) and path.name != "dialect.py":
            assert not literal_classes(path), path
