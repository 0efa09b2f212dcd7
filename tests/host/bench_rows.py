"""Rows of results.json that tests make up."""


def row(bench="sf_buf.shared_hit", engine="sf_buf", value=31.0, cpus=1,
        metric="instructions", mode="icount"):
    return {"bench": bench, "engine": engine, "cpus": cpus, "mode": mode,
            "metric": metric, "unit": "u/op", "value": value}


def rows(bench, values, **same):
    """One row for each engine: rows(bench, {"sf_buf": 31, "classic": 126})."""
    return [row(bench, engine, value, **same)
            for engine, value in values.items()]


MISS = "sf_buf.shared_miss_busy"
CHARTS = ("miss", "rounds", "set", "scaling", "hits", "sendfile", "pipe",
          "md_random", "md_seq")
ENGINES = ("sf_buf", "classic", "pkmap", "local", "naive", "direct")


def whole_run():
    """A run with figures for every chart, bar and row of the table.

    Ours is 10 times as cheap as all others but the direct map, and interrupts
    one time in 5,000.
    """
    every = {name: 1000.0 for name in ENGINES} | {"sf_buf": 100.0, "direct": 50.0}
    out = []
    for cpus in (1, 2, 4, 16):
        for bench in (MISS, MISS + "_4096", "sf_buf.shared_miss",
                      "sf_buf.shared_hit", "sf_buf.private_hit",
                      "sf_buf.private_miss", "sf_buf.direct",
                      "sf_buf.shared_miss_scarce", "set.1", "set.1024",
                      "set.16384", "pipe.1", "pipe.4k", "pipe.64k",
                      "pipe.1m", "md.random_1", "md.random_4", "md.seq_1",
                      "md.seq_4", "sendfile.zipf",
                      "sendfile.zipf_untouched"):
            out += rows(bench, every, cpus=cpus)
        for bench in (MISS, MISS + "_4096"):
            out += rows(bench, {"sf_buf": 1 / 5000, "classic": 1.0,
                                "naive": 1.0, "pkmap": 1 / 1000},
                        cpus=cpus, metric="rounds")
        out.append(row("md.random_1", value=0, cpus=cpus, metric="rounds"))
        for bench in ("pipe.64k", "pipe.1m"):
            out.append(row(bench, value=0, cpus=cpus, metric="ipis"))
        out += rows("sf_buf.shared_hit_all", every, cpus=cpus,
                    metric="throughput", mode="mttcg")
    return out


def without(made_up, **fields):
    """Rows but for those whose fields have all these values."""
    return [r for r in made_up
            if any(r[name] != value for name, value in fields.items())]
