# Lets `custom_imports` find the project's package in a clone where it is not installed.
import sys

if '{{ fileDirname }}/../..' not in sys.path:
    sys.path.append('{{ fileDirname }}/../..')
