"""The sections of a WebAssembly module, for the scripts that look at one."""

MAGIC = b"\0asm\1\0\0\0"
IMPORT_SECTION, EXPORT_SECTION, CODE_SECTION = 2, 7, 10
# What follows the names of an import, by its kind.
FUNCTION, TABLE, MEMORY, GLOBAL, TAG = range(5)


class Malformed(Exception):
    pass


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, count):
        if self.at + count > len(self.data):
            raise Malformed(f"ends at byte {len(self.data)}, in the middle of a section")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self):
        return self.bytes(1)[0]

    def leb128(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def name(self):
        return self.bytes(self.leb128()).decode("utf-8", "replace")

    def limits(self):
        has_maximum = self.leb128() & 1
        self.leb128()
        if has_maximum:
            self.leb128()

    def import_entry(self):
        module, name, kind = self.name(), self.name(), self.byte()
        if kind == FUNCTION:
            self.leb128()
        elif kind == TABLE:
            self.byte()
            self.limits()
        elif kind == MEMORY:
            self.limits()
        elif kind in (GLOBAL, TAG):
            self.byte()
            self.leb128()
        else:
            raise Malformed(f"has an import of unknown kind {kind}")
        return module, name, kind


def sections(data):
    """Each section: its kind, and its bytes."""
    if not data.startswith(MAGIC):
        raise Malformed("is not a WebAssembly module")
    reader = Reader(data)
    reader.bytes(len(MAGIC))
    while reader.at < len(data):
        yield reader.byte(), reader.bytes(reader.leb128())


def imports(section):
    """Each import: module, name and kind."""
    reader = Reader(section)
    return [reader.import_entry() for _ in range(reader.leb128())]
