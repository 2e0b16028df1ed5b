-- More about an attempt, in the words of its handler, as JSON.
ALTER TABLE attempts ADD COLUMN detail text;
