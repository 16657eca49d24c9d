"""Which of reasoning-gym's data sets are admitted as tasks, and why the others are not.

Every scorer of version 0.1.25 was read, and `benchmarks/audit_reasoning_gym.py` measures what can be measured: equal
problems in processes of another PYTHONHASHSEED and in any order, references paid, garbage and hostile answers not
paid, nothing executed, printed or reseeded. Whether the references themselves are right was checked for the data sets
whose answer is simple to compute again (and found wrong for two).
"""

from __future__ import annotations

AUDITED_VERSION = "0.1.25"

# Name -> what its scorer lets pass beside the reference, "" where the answer must be the reference, character by
# character. "Equal numbers" includes a sign, leading and trailing zeros, exponents and digits of other scripts.
ADMITTED: dict[str, str] = {
    "ab": "",
    "aiw": "",
    "arc_1d": "",
    "base_conversion": "",
    "binary_alternation": "",
    "bitwise_arithmetic": "equal integers in base 2, 8, 10 or 16, by their prefix; it evaluates its own question only",
    "caesar_cipher": "",
    "chain_sum": "equal numbers; commas are dropped wherever they stand",
    "circuit_logic": "",
    "color_cube_rotation": "either case",
    "count_bits": "",
    "count_primes": "",
    "course_schedule": "",
    "cryptarithm": "every mapping that solves the puzzle; of a letter named twice, the last digit counts",
    "decimal_chain_sum": "equal numbers",
    "dice": "either case, line breaks",
    "emoji_mystery": "",
    "family_relationships": "either case",
    "futoshiki": "",
    "gcd": "",
    "group_anagrams": "groups and their words in any order, as JSON",
    "jugs": "every sequence of moves that ends with the target in a jug, as JSON",
    "knights_knaves": "the statements in any order and in either case; words that assign no role are skipped",
    "largest_island": "",
    "lcm": "",
    "leg_counting": "",
    "letter_counting": "",
    "mahjong_puzzle": "",
    "manipulate_matrix": "surplus spaces",
    "maze": "",
    "mini_sudoku": "",
    "modulo_grid": "",
    "needle_haystack": "either case, spaces",
    "number_filtering": "",
    "palindrome_generation": "every palindrome of exactly these letters, either case",
    "palindrome_partitioning": "the partitions in any order, as JSON; a string stands for its letters",
    "path_star": "surplus spaces",
    "power_function": "numbers equal to three significant digits, as the question asks",
    "prime_factorization": "the factors in any order, joined by ×",
    "products": "equal numbers; commas are dropped wherever they stand",
    "rearc": "surplus spaces, lines that begin with 'Shape: '",
    "rectangle_count": "equal integers",
    "rotate_matrix": "",
    "rotten_oranges": "",
    "self_reference": "",
    "shortest_path": "every path of the least length",
    "simple_equations": "",
    "simple_geometry": "",
    "string_manipulation": "",
    "sudoku": "",
    "syllogism": "",
    "word_sequence_reversal": "",
    "zebra_puzzles": "either case, line breaks",
}

_EVALUATES = "its scorer evaluates the answer's text as Python"
_PARSES = "its scorer executes the answer's text by sympy's parse_expr, and 9**9**9**9 hangs it"
_HASHES = "its problems change with PYTHONHASHSEED"
_NO_REFERENCE = "it has no reference answer to be graded against"

EXCLUDED: dict[str, str] = {
    "acre": "it draws all its questions when it is made, so that a question depends on how many there are",
    "advanced_geometry": (
        "its scorer reads the first two of any number of coordinates, paying '(1, 2), 9' for '(1, 2)', and refuses "
        "the radius 3.12 where 3.120 is stored"
    ),
    "arc_agi": (
        "it alters puzzles of a fixed corpus at random, so that train and test would hold the same puzzle in other "
        "colours, and leaves its files open"
    ),
    "basic_arithmetic": "8 in 1000 of its references are wrong: it rounds quotients down where division is asked",
    "bf": "it prints to standard output whenever it makes a question",
    "binary_matrix": f"{_EVALUATES}, to accept lists",
    "boxnet": _NO_REFERENCE,
    "calendar_arithmetic": (
        "it compares weekdays in the process's locale: outside English its references are -1 and every integer is paid"
    ),
    "codeio": "it executes a corpus of programs to make its questions, and these differ between processes",
    "coin_flip": (
        "its scorer pays shared leading characters, 1.0 for '0' where 0.25 is right, and expands 1e999999999 into a "
        "fraction of a billion digits"
    ),
    "complex_arithmetic": "its scorer pays 'nan' for every question",
    "composite": "it only mixes other data sets and has no questions of its own",
    "countdown": _PARSES,
    "decimal_arithmetic": (
        "its scorer pays every number within 0.001 where 12 significant digits are asked, and its generator sets the "
        "process's decimal precision"
    ),
    "figlet_font": "its scorer pays any text that begins with ten right letters, where words are that long",
    "fraction_simplification": (
        r"its scorer reads the beginning of an answer in LaTeX only, paying '\frac{1}{2}7' where 1/2 is right"
    ),
    "game_of_life": "its scorer pays the right grid with further rows and cells appended",
    "game_of_life_halting": "its scorer compares truth values of strings, so that every text is paid, 'zzz' too",
    "graph_color": _NO_REFERENCE,
    "gsm_symbolic": (
        "its scorer compares the first digits in the text, without their sign: where 5 is right, '-5', '5/7', '5,000' "
        "and '5 or 6' are all paid"
    ),
    "intermediate_integration": f"{_PARSES}; {_HASHES}",
    "isomorphic_strings": _HASHES,
    "kakurasu": "its scorer skips all characters but 0 and 1, so that a grid with other digits in it is paid",
    "knight_swap": f"{_HASHES}, and its scorer alters the problem",
    "letter_jumble": "its scorer pays the right words with any others appended",
    "list_functions": (
        "it draws from Python's global random generator, so that its problems differ between processes and calls"
    ),
    "n_queens": f"{_EVALUATES}, to accept lists",
    "number_format": (
        "its scorer pays every number within 0.01 of the right one, where the numbers to choose from may be nearer "
        "to one another than that"
    ),
    "number_sequence": "for about one seed in 750 its generator squares numbers without end and hangs",
    "number_sorting": "its scorer pays '[NaN, NaN, ...]' of the right length, and every list of numbers that are 1 off",
    "polynomial_equations": (
        "its scorer skips what it cannot read as a number, paying '1.5, zzz' for 1.5 and 'zzz' where there is no "
        "solution"
    ),
    "polynomial_multiplication": f"{_PARSES}; {_HASHES}",
    "pool_matrix": "its scorer pays numbers 1 % off and a column for a row, and it reseeds NumPy's global generator",
    "propositional_logic": f"{_NO_REFERENCE}, and most premises copied from the question are paid as conclusions",
    "puzzle24": f"{_PARSES}; and it pays four numbers other than the given ones",
    "quantum_lock": "its scorer reads every a, b or c of a text as a button, so that prose is paid by chance",
    "ransom_note": _HASHES,
    "rubiks_cube": f"{_NO_REFERENCE}, and its scorer expands R999999999 into as many moves",
    "rush_hour": _NO_REFERENCE,
    "sentence_reordering": "its scorer pays one order of the words where several make a sentence",
    "simple_integration": _PARSES,
    "sokoban": "its generator retries without bound and takes seconds for one seed in a few hundred",
    "spell_backward": "its scorer pays the right word with any letters appended, for some lengths of the word",
    "spiral_matrix": f"{_EVALUATES}, to accept lists",
    "string_insertion": f"{_EVALUATES}, to accept lists",
    "string_splitting": "it has 216 distinct questions, too few for two splits",
    "string_synthesis": "it has 216 distinct questions, too few for two splits",
    "survo": "its scorer pays the stored solution only, and 1 puzzle in 150 has others",
    "time_intervals": "its questions depend on today's date",
    "tower_of_hanoi": (
        "it has about 90 distinct questions, its scorer refuses solutions longer than its own, which the question does "
        "not ask to be short, and prints the answer's text"
    ),
    "tsumego": "3 in 100 of its references are wrong: the stored move captures nothing",
    "word_ladder": _HASHES,
    "word_sorting": "its scorer pays the right list with further words appended",
}
