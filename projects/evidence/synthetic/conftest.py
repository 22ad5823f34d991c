"""Lets the tests find the project's modules.

pytest puts the folder of this file, which is no package, on the path.
"""
