"""The commands of ``centergroup``, one a file; ``tools/`` has scripts that call them.

``centergroup_lite.commands`` lists them. Each has ``parse_args()``, which reads ``sys.argv``, and
``main()``, which raises UserError for what the user can fix.
"""
