"""All of Playwright: the browser, its guard, the session, the pages, the growing download. Nothing outside imports Playwright."""
