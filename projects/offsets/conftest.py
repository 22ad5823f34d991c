"""Lets the project's tests find its package in a clone where it is not installed.

pytest puts the folder of this file, which is no package, on the path.
"""
