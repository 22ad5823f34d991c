# Lets `custom_imports` find the project's modules in a clone where they are not installed.
import sys

if '{{ fileDirname }}/../..' not in sys.path:
    sys.path.append('{{ fileDirname }}/../..')
