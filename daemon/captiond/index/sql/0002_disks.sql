-- Which file system lies at a folder of a watched root: at the root itself (folder '') and wherever
-- another one is mounted within it. It survives restarts of the machine, unlike a device number.
CREATE TABLE disks (
    root TEXT NOT NULL,
    folder TEXT NOT NULL,
    identity TEXT NOT NULL,
    PRIMARY KEY (root, folder)
) WITHOUT ROWID;

ALTER TABLE daemon ADD COLUMN found_by_event INTEGER NOT NULL DEFAULT 0;

ALTER TABLE daemon ADD COLUMN found_by_scan INTEGER NOT NULL DEFAULT 0;
