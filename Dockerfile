# Liaison as an image: the hub, the edge and every other command, as `liaison`.
#
#   docker build -t liaison .
#
# Guarantees that every package is one of requirements/run.txt by its digest, that the program runs as an ordinary user who
# can write nothing of the image, and that nothing which builds is added to the last stage. It needs no
# writable root: /tmp (a tmpfs) and what is mounted at /var/lib/liaison is all that is written.
# The base is named by its tag; put a digest of your own choice there to pin it: --build-arg BASE=python:3.11-slim@sha256:...

ARG BASE=docker.io/library/python:3.11-slim

FROM ${BASE} AS build
# Where pip looks and whom it trusts is the business of whoever builds: nothing of it is in the last stage.
ARG PIP_CERT
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_FIND_LINKS
ARG PIP_DEFAULT_TIMEOUT=60
COPY requirements/run.txt /requirements.txt
RUN python3 -m venv /opt/liaison/venv \
    && /opt/liaison/venv/bin/pip install --no-input --disable-pip-version-check --progress-bar off \
        --require-hashes --no-deps --only-binary :all: -r /requirements.txt \
    && /opt/liaison/venv/bin/pip uninstall --yes --quiet pip setuptools
COPY schemas /opt/liaison/source/schemas
COPY keys /opt/liaison/source/keys
COPY service /opt/liaison/source/service
COPY hub /opt/liaison/source/hub
COPY adapters /opt/liaison/source/adapters
COPY liaison /opt/liaison/source/liaison
COPY deploy/healthy.py deploy/found.sh /opt/liaison/
# As bootstrap.py does: the source on the environment's path, and the command beside its python. `python3 -m compileall`
# because nobody can write bytecode later.
RUN echo /opt/liaison/source > "$(/opt/liaison/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/liaison.pth" \
    && printf '#!/opt/liaison/venv/bin/python\nimport sys\n\nfrom liaison.cli import main\n\nsys.exit(main())\n' > /opt/liaison/venv/bin/liaison \
    && chmod 0755 /opt/liaison/venv/bin/liaison \
    && /opt/liaison/venv/bin/python -m compileall -q -j 0 /opt/liaison/source

FROM ${BASE}
# A fresh volume takes owner and mode of the folder it is mounted at: these belong to the user alone.
RUN useradd --no-log-init --uid 10001 --user-group --no-create-home --home-dir /var/lib/liaison --shell /usr/sbin/nologin liaison \
    && cd /var/lib && install -d -m 0700 -o liaison -g liaison \
        liaison liaison/hub liaison/ceremony liaison/edge liaison/test-aut liaison/test-geo
COPY --from=build /opt/liaison /opt/liaison
ENV PATH=/opt/liaison/venv/bin:/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/liaison
EXPOSE 8440 8450
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "/opt/liaison/healthy.py", "https://localhost:8440/readyz"]
ENTRYPOINT ["liaison"]
CMD ["--help"]
