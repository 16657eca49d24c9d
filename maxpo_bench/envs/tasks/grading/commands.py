"""The LaTeX commands an answer may hold, by what the normaliser does with them."""

from __future__ import annotations

# Commands that only lay out: they vanish.
LAYOUT = frozenset(
    """left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm displaystyle textstyle
    scriptstyle scriptscriptstyle limits nolimits quad qquad thinspace negthinspace medspace thickspace enspace rm bf it
    sf tt cal mathstrut strut allowbreak nobreak nonumber notag boxed fbox hfill null""".split()
)
# Commands that take a group and only lay out: they vanish with the group, or keep the group alone.
SPACING = frozenset("hspace vspace hskip kern phantom hphantom vphantom label tag".split())
TEXT = frozenset(
    """text mbox textrm textbf textit textsf texttt textnormal textup textsc mathrm mathbf mathit mathsf mathtt
    mathnormal emph hbox bold boldsymbol bm""".split()
)
SYNONYMS = {
    "dfrac": "\\frac",
    "tfrac": "\\frac",
    "cfrac": "\\frac",
    "dbinom": "\\binom",
    "tbinom": "\\binom",
    "leq": "\\le",
    "leqslant": "\\le",
    "geq": "\\ge",
    "geqslant": "\\ge",
    "neq": "\\ne",
    "lt": "<",
    "gt": ">",
    "times": "\\cdot",
    "ast": "\\cdot",
    "div": "/",
    "slash": "/",
    "varnothing": "\\emptyset",
    "lvert": "|",
    "rvert": "|",
    "vert": "|",
    "mid": "|",
    "lbrace": "\\{",
    "rbrace": "\\}",
    "lbrack": "[",
    "rbrack": "]",
    "lparen": "(",
    "rparen": ")",
    "langle": "(",
    "rangle": ")",
    "colon": ":",
    "dots": "\\ldots",
    "cdots": "\\ldots",
    "dotsc": "\\ldots",
    "dotsb": "\\ldots",
    "infin": "\\infty",
    "overrightarrow": "\\vec",
    "widehat": "\\hat",
    "widetilde": "\\tilde",
    "degrees": "\\degree",
    "textdegree": "\\degree",
    "percent": "\\%",
    "textdollar": "\\$",
    "cupdot": "\\cup",
    "bigcup": "\\cup",
    "sqcup": "\\cup",
    "minus": "-",
    "plus": "+",
}
# Functions of one argument; what follows in braces is that argument.
FUNCTIONS = frozenset(
    """sin cos tan csc sec cot arcsin arccos arctan arccsc arcsec arccot sinh cosh tanh coth log ln exp lg det gcd lcm
    max min arg deg dim ker Re Im""".split()
)
# Commands whose group (or single character) is an argument.
WITH_ARGUMENTS = {
    "frac": 2,
    "binom": 2,
    "sqrt": 1,
    "overline": 1,
    "underline": 1,
    "bar": 1,
    "vec": 1,
    "hat": 1,
    "tilde": 1,
    "dot": 1,
    "ddot": 1,
    "mathbb": 1,
    "mathcal": 1,
    "operatorname": 1,
    "pmod": 1,
    "unit": 1,
    "begin": 1,
    "end": 1,
}
SYMBOLS = frozenset(
    """alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi varpi rho varrho
    sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
    cdot pm mp le ge ne in notin cup cap setminus subset subseteq supset emptyset infty partial nabla prime circ angle
    triangle to rightarrow Rightarrow implies iff approx equiv cong sim perp parallel forall exists neg land lor wedge
    vee degree lfloor rfloor lceil rceil ldots sum prod int lim hbar ell imath jmath oplus otimes bmod mod odot star
    dagger backslash lVert rVert Vert therefore because colon""".split()
)
KNOWN = LAYOUT | SPACING | TEXT | frozenset(SYNONYMS) | FUNCTIONS | frozenset(WITH_ARGUMENTS) | SYMBOLS
# Words a model writes without a backslash.
BARE_WORDS = {
    "sqrt": "\\sqrt",
    "infinity": "\\infty",
    "pi": "\\pi",
    "theta": "\\theta",
    "alpha": "\\alpha",
    "beta": "\\beta",
    "lambda": "\\lambda",
    "degrees": "\\degree",
    "degree": "\\degree",
    "percent": "\\%",
    "percentage": "\\%",
    "or": ",",
    "and": ",",
    **{name: f"\\{name}" for name in ("sin", "cos", "tan", "csc", "sec", "cot", "log", "ln", "exp")},
    **{name: f"\\{name}" for name in ("arcsin", "arccos", "arctan", "sinh", "cosh", "tanh")},
}
# Words after a number that multiply it by a power of ten.
SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}


def split_command(name: str) -> tuple[str, str]:
    r"""Split an unknown command name into the longest known one it begins with and the rest: ``pir`` is pi and r.

    Where the space after a command was lost, that is what was meant. Without a known beginning the name stays whole.
    """
    if name in KNOWN:
        return name, ""
    for length in range(len(name) - 1, 1, -1):
        if name[:length] in KNOWN:
            return name[:length], name[length:]
    return name, ""
