"""What all tables share: the metadata that they belong to, and the columns that many of them have."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

#: The type of rows' numbers.
Key = BigInteger().with_variant(Integer, "sqlite")


def identity() -> tuple[Column[str], ...]:
    """The columns that say which recording of which PBX a row is about."""
    return (
        Column("ucm", String, nullable=False),
        Column("class", String, nullable=False),
        Column("month", String, nullable=False),
        Column("name", String, nullable=False),
    )


#: What the catalog knows of itself.
meta = Table("meta", metadata, Column("key", String, primary_key=True), Column("value", Text, nullable=False))
