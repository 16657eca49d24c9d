"""Take the README's picture of the leaderboard's page, one entry opened; needs what `set_up_browser.py` installs.

maxpo-bench leaderboard --html page
python scripts/picture_of_page.py page/index.html docs/leaderboard.png --open ei
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import set_up_browser


def main() -> int:
    """Take the picture; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="index.html")
    parser.add_argument("picture", type=Path, help="PNG file to write")
    parser.add_argument("--open", dest="entry", help="name of an entry whose row is opened")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=1180)
    options = parser.parse_args()
    lacks = set_up_browser.missing()
    if lacks:
        print("\n".join(lacks), file=sys.stderr)
        return 1
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=set_up_browser.find_browser())
        page = browser.new_page(viewport={"width": options.width, "height": options.height}, color_scheme="light")
        page.goto(options.page.resolve().as_uri())
        if options.entry:
            page.locator("tbody > tr > th > button").get_by_text(options.entry, exact=True).click()
            page.wait_for_selector("tr.d svg")
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        page.mouse.move(0, 0)
        page.screenshot(path=options.picture)
        browser.close()
    print(options.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
