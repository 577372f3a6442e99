"""How a file becomes a plan: bytes → rows → problems → plan. Pure functions, no database."""
