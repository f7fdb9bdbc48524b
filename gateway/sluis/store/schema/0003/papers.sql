-- Instruction cards as people changed them; a device without a row has the card that is made from what it offers.
CREATE TABLE cards (
  device TEXT NOT NULL,
  language TEXT NOT NULL,
  text TEXT NOT NULL, -- Markdown
  by TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  PRIMARY KEY (device, language)
) STRICT;

-- Areas whose cards may be read by whoever scans a label, without an account.
CREATE TABLE open_areas (
  area TEXT PRIMARY KEY
) STRICT;

-- Site walks that are under way or done; a done one has its signed certificate.
CREATE TABLE walks (
  id TEXT PRIMARY KEY,
  area TEXT NOT NULL,
  begun_at_us INTEGER NOT NULL,
  signed_at_us INTEGER NOT NULL DEFAULT 0,
  body TEXT NOT NULL, -- model.Walk, JSON
  certificate TEXT NOT NULL DEFAULT '' -- the signed note
) STRICT;
