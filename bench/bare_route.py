"""The HTTP floor as a program: a bare Starlette route that reads the body and answers 201, on the hub's own server.

python bench/bare_route.py PORT
"""

import sys

import uvicorn

from bench.floors import bare_route_app

if __name__ == "__main__":
    uvicorn.run(
        bare_route_app(), port=int(sys.argv[1]), http="httptools", loop="uvloop", log_level="error", access_log=False
    )
