"""Trials that others analyse too, by whose published results methods are checked."""

from collections.abc import Iterator

BMT = {
    "ALL": (
        "2081 1602 1496 1462 1433 1377 1330 996 226 1199 1111 530 1182 1167 418d 383r "
        "276d 104r 609r 172d 487d 662r 194d 230r 526d 122d 129r 74r 122r 86d 466d 192r "
        "109r 55r 1d 107d 110r 332d"
    ),
    "AML low risk": (
        "2569 2506 2409 2218 1857 1829 1562 1470 1363 1030 860 1258 2246 1870 1799 1709 "
        "1674 1568 1527 1324 957 932 847 848 1850 1843 1535 1447 1384 414d 2204d 1063d "
        "481d 105d 641d 390d 288d 421r 79d 748r 486r 48d 272r 1074d 381r 10d 53d 80d 35d "
        "248r 704d 211r 219r 606r"
    ),
    "AML high risk": (
        "2640 2430 2252 2140 2133 1238 1631 2024 1345 1136 845 422r 162d 84r 100r 2d 47r "
        "242r 456r 268r 318d 32r 467r 47r 390r 183d 105d 115r 164d 93r 120r 80d 677d 64r "
        "168d 74d 16d 157r 625r 48r 273r 63d 76r 113r 363d"
    ),
}
"""Days after transplantation of bone marrow: r relapse, d death without it, else free of both.

Klein and Moeschberger (2003), table D.1, as in SAS's examples: 137 patients by disease.
"""

LUNG = {
    "Active": (
        "306 455 1010+ 210 883 1022+ 310 361 218 166 170 654 728 71 567 144 613 707 61 88 "
        "301 81 624 371 394 520 574 118 390 12 473 26 533 107 53 122 814 965+ 93 731 460 "
        "153 433 145 583 95 303 519 643 765 735 189 53 246 689 65 5 132 687 345 444 223 "
        "175 60 163 65 208 821+ 428 230 840+ 305 11 132 226 426 705 363 11 176 791 95 "
        "196+ 167 806+ 284 641 147 740+ 163 655 239 88 245 588+ 30 179 310 477 166 559+ "
        "450 364 107 177 156 529+ 11 429 351 15 181 283 201 524 13 212 524 288 363 442 "
        "199 550 54 558 207 92 60 551+ 543+ 293 202 353 511+ 267 511+ 371 387 457 337 201 "
        "404+ 222 62 458+ 356+ 353 163 31 340 229 444+ 315+ 182 156 329 364+ 291"
    ),
    "Placebo": (
        "179 376+ 384+ 268 292+ 142 413+ 266+ 194 320 181 285 301+ 348 197 382+ 303+ 296+ "
        "180 186 145 269+ 300+ 284+ 350 272+ 292+ 332+ 285 259+ 110 286 270 81 131 225+ "
        "269 225+ 243+ 279+ 276+ 135 79 59 240+ 202+ 235+ 105 224+ 239 237+ 173+ 252+ "
        "221+ 185+ 92+ 13 222+ 192+ 183 211+ 175+ 197+ 203+ 116 188+ 191+ 105+ 174+ 177+"
    ),
}
"""Days to death in advanced lung cancer, + censored, by arms that are made up: CAMIS."""


def outcomes(text: str) -> Iterator[tuple[int, str]]:
    """Yield the days of subjects, each with the letter that stands behind it."""
    for word in text.split():
        days = word.rstrip("rd+")
        yield int(days), word.removeprefix(days)
