-- Net positions of a day look at that day's entries alone.
CREATE INDEX entries_by_time ON entries (time);
