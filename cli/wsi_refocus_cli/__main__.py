"""``python -m wsi_refocus_cli``: the same as ``wsi-refocus``."""

from wsi_refocus_cli.app import main

if __name__ == "__main__":
    main()
