-- Bytes handed to the kernel per UTC day and subsystem.
CREATE TABLE written (
  day INTEGER NOT NULL, -- days since 1970-01-01
  subsystem TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (day, subsystem)
) STRICT, WITHOUT ROWID;
