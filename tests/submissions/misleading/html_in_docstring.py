"""<script>alert(1)</script><img src=x onerror=alert(1)> | **bold** | [link](javascript:alert(1))

name: html_in_docstring
authors: <b onmouseover=alert(1)>nobody</b>
"""

from maxpo_bench.estimators import ei, l2o_baseline


def advantages(rewards, k):
    return ei(rewards, k) - 0.8 * l2o_baseline(rewards, k)
