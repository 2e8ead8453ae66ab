"""Arrow types by the names that manifests give them."""

from typing import TYPE_CHECKING, Any, Dict, Iterable, List

from ._types import Column

if TYPE_CHECKING:  # pragma: no cover
    import pyarrow


def of_columns(table: str, columns: Iterable[Column]) -> "pyarrow.Schema":
    """The schema of a table without files, by its manifest.

    Raises:
        ImportError: pyarrow is not there.
        ValueError: a type is not understood.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError("this needs pyarrow: pip install 'lakexpress[pyarrow]'") from error
    fields = []
    for column in columns:
        try:
            fields.append(pyarrow.field(column.name, _Parser(pyarrow, column.arrow_type).whole(), column.nullable))
        except (IndexError, KeyError, ValueError) as error:
            raise ValueError(
                f"{table} has no files, and its schema is not known here: column {column.name} is {column.arrow_type}"
            ) from error
    return pyarrow.schema(fields)


_PLAIN: Dict[str, str] = {
    "Null": "null",
    "Boolean": "bool_",
    "Int8": "int8",
    "Int16": "int16",
    "Int32": "int32",
    "Int64": "int64",
    "UInt8": "uint8",
    "UInt16": "uint16",
    "UInt32": "uint32",
    "UInt64": "uint64",
    "Float16": "float16",
    "Float32": "float32",
    "Float64": "float64",
    "Utf8": "string",
    "LargeUtf8": "large_string",
    "Utf8View": "string_view",
    "BinaryView": "binary_view",
    "Binary": "binary",
    "LargeBinary": "large_binary",
    "Date32": "date32",
    "Date64": "date64",
}
_UNITS = {"s": "s", "ms": "ms", "µs": "us", "ns": "ns"}


class _Parser:
    """Reads a type: `Decimal128(10, 2)`, `Timestamp(µs, "UTC")`, `List(non-null Struct("a": Int32))`."""

    def __init__(self, pyarrow: Any, text: str) -> None:
        self._pa = pyarrow
        self._text = text
        self._at = 0

    def whole(self) -> Any:
        """The type, when that is all there is."""
        found = self._type()
        if self._at != len(self._text):
            raise ValueError(self._text)
        return found

    def _type(self) -> Any:
        word = self._word()
        if word in _PLAIN:
            return getattr(self._pa, _PLAIN[word])()
        if word in ("List", "LargeList", "Struct"):
            return self._nested(word)
        values = self._values()
        if word == "Decimal128":
            return self._pa.decimal128(int(values[0]), int(values[1]))
        if word == "Decimal256":
            return self._pa.decimal256(int(values[0]), int(values[1]))
        if word == "FixedSizeBinary":
            return self._pa.binary(int(values[0]))
        if word in ("Time32", "Time64"):
            return getattr(self._pa, word.lower())(_UNITS[values[0]])
        if word == "Timestamp":
            return self._pa.timestamp(_UNITS[values[0]], values[1] if len(values) > 1 else None)
        raise ValueError(word)

    def _nested(self, word: str) -> Any:
        self._expect("(")
        fields: List[Any] = []
        while not self._took(")"):
            if fields:
                self._expect(", ")
            name = "item"
            if word == "Struct":
                name = self._quoted()
                self._expect(": ")
            nullable = not self._took("non-null ")
            of = self._type()
            if self._took(", field: '"):
                end = self._text.index("'", self._at)
                name, self._at = self._text[self._at : end], end + 1
            if self._took(", metadata: {"):
                self._metadata()
            fields.append(self._pa.field(name, of, nullable))
        if word == "Struct":
            return self._pa.struct(fields)
        return (self._pa.list_ if word == "List" else self._pa.large_list)(fields[0])

    def _metadata(self) -> None:
        """Goes over `"key": "value", ...}`, which readers have no need of."""
        while not self._took("}"):
            self._took(", ")
            self._quoted()
            self._expect(": ")
            self._quoted()

    def _values(self) -> List[str]:
        self._expect("(")
        end = self._text.index(")", self._at)
        inner, self._at = self._text[self._at : end], end + 1
        return [value.strip().strip('"') for value in inner.split(",")]

    def _word(self) -> str:
        begin = self._at
        while self._at < len(self._text) and self._text[self._at].isalnum():
            self._at += 1
        return self._text[begin : self._at]

    def _quoted(self) -> str:
        self._expect('"')
        out = ""
        while not self._took('"'):
            if self._took("\\"):
                if self._text[self._at] not in '"\\':
                    raise ValueError(self._text)
            out += self._text[self._at]
            self._at += 1
        return out

    def _took(self, text: str) -> bool:
        if self._text.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._took(text):
            raise ValueError(self._text)
