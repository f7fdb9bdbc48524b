-- The outbox of messages about alerts. Rows with the same `parcel` go (and are tried again) as one message.
CREATE TABLE notices (
  id INTEGER PRIMARY KEY,
  recipient TEXT NOT NULL,
  channel TEXT NOT NULL,
  alert_id INTEGER NOT NULL,
  what TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  severity TEXT NOT NULL,
  parcel TEXT NOT NULL,
  tries INTEGER NOT NULL,
  due_us INTEGER NOT NULL
) STRICT;
