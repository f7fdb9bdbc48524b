-- Who did what. Append-only: the triggers stop accidents, the hash chain shows intent (wire/chain.py).
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  body TEXT NOT NULL, -- canonical JSON: exactly the bytes that are hashed
  before BLOB NOT NULL, -- the link before
  digest BLOB NOT NULL, -- this link
  actor TEXT GENERATED ALWAYS AS (json_extract(body, '$.actor')) VIRTUAL,
  action TEXT GENERATED ALWAYS AS (json_extract(body, '$.action')) VIRTUAL,
  object TEXT GENERATED ALWAYS AS (json_extract(body, '$.object')) VIRTUAL
) STRICT;

CREATE INDEX audit_object ON audit (object, seq);

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
  SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN
  SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TABLE audit_checkpoints (
  size INTEGER PRIMARY KEY,
  note TEXT NOT NULL
) STRICT;

CREATE TRIGGER audit_checkpoints_no_update BEFORE UPDATE ON audit_checkpoints
BEGIN
  SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_checkpoints_no_delete BEFORE DELETE ON audit_checkpoints
BEGIN
  SELECT RAISE(ABORT, 'the audit log is append-only');
END;
