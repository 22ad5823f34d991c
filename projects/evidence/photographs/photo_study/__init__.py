"""How keypoints of photographs are grouped: rows that differ in grouping alone."""
