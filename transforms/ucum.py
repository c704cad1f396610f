"""Codes of UCUM, the Unified Code for Units of Measure: which texts are such codes.

The grammar is that of https://ucum.org/ucum#section-Syntax-Rules. As in UCUM's own list
of examples a factor may have an annotation, and so may a term in brackets; an
annotation has no blanks. The atoms are those of `ucum-essence.xml`, version 2.2.

This product includes all or a portion of the UCUM table, UCUM codes, and UCUM
definitions or is derived from it, subject to a license from Regenstrief Institute, Inc.
and The UCUM Organization. Your use of the UCUM table, UCUM codes, UCUM definitions also
is subject to this license, a copy of which is available at https://ucum.org/license.
The UCUM table and UCUM codes are copyright © Regenstrief Institute, Inc. and the UCUM
Organization. All rights reserved.

Libraries were looked at: ucumvert needs Python 3.11, pint and an Earley parser, ucumate
a Java machine, pyucum a web service.
"""

import re

UCUM = "http://unitsofmeasure.org"
"""What R4 names as the system of these codes:
https://hl7.org/fhir/R4/terminologies-systems.html"""

_PREFIXES = "Y Z E P T G M k h da d c m u n p f a z y Ki Mi Gi Ti"

_METRIC = """
m s g rad K C cd mol sr Hz N Pa J W A V F Ohm S Wb Cel T H lm lx Bq Gy Sv l L ar t
bar u eV pc [c] [h] [k] [eps_0] [mu_0] [e] [m_e] [m_p] [G] [g] [ly] gf Ky Gal dyn
erg P Bi St Mx G Oe Gb sb Lmb ph Ci R RAD REM cal_[15] cal_[20] cal_m cal_IT cal_th
cal tex m[H2O] m[Hg] eq osm g% kat U [iU] [IU] Np B B[SPL] B[V] B[mV] B[uV] B[10.nV]
B[W] B[kW] st mho bit By Bd
"""

_OTHERS = """
10* 10^ [pi] % [ppth] [ppm] [ppb] [pptr] gon deg ' '' min h d a_t a_j a_g a wk mo_s
mo_j mo_g mo AU atm [lbf_av] [in_i] [ft_i] [yd_i] [mi_i] [fth_i] [nmi_i] [kn_i]
[sin_i] [sft_i] [syd_i] [cin_i] [cft_i] [cyd_i] [bf_i] [cr_i] [mil_i] [cml_i] [hd_i]
[ft_us] [yd_us] [in_us] [rd_us] [ch_us] [lk_us] [rch_us] [rlk_us] [fth_us] [fur_us]
[mi_us] [acr_us] [srd_us] [smi_us] [sct] [twp] [mil_us] [in_br] [ft_br] [rd_br]
[ch_br] [lk_br] [fth_br] [pc_br] [yd_br] [mi_br] [nmi_br] [kn_br] [acr_br] [gal_us]
[bbl_us] [qt_us] [pt_us] [gil_us] [foz_us] [fdr_us] [min_us] [crd_us] [bu_us]
[gal_wi] [pk_us] [dqt_us] [dpt_us] [tbs_us] [tsp_us] [cup_us] [foz_m] [cup_m]
[tsp_m] [tbs_m] [gal_br] [pk_br] [bu_br] [qt_br] [pt_br] [gil_br] [foz_br] [fdr_br]
[min_br] [gr] [lb_av] [oz_av] [dr_av] [scwt_av] [lcwt_av] [ston_av] [lton_av]
[stone_av] [pwt_tr] [oz_tr] [lb_tr] [sc_ap] [dr_ap] [oz_ap] [lb_ap] [oz_m] [lne]
[pnt] [pca] [pnt_pr] [pca_pr] [pied] [pouce] [ligne] [didot] [cicero] [degF] [degR]
[degRe] [Cal] [Btu_39] [Btu_59] [Btu_60] [Btu_m] [Btu_IT] [Btu_th] [Btu] [HP] [den]
[in_i'H2O] [in_i'Hg] [PRU] [wood'U] [diop] [p'diop] %[slope] [mesh_i] [Ch] [drp]
[hnsf'U] [MET] [hp'_X] [hp'_C] [hp'_M] [hp'_Q] [hp_X] [hp_C] [hp_M] [hp_Q] [kp_X]
[kp_C] [kp_M] [kp_Q] [pH] [S] [HPF] [LPF] [arb'U] [USP'U] [GPL'U] [MPL'U] [APL'U]
[beth'U] [anti'Xa'U] [todd'U] [dye'U] [smgy'U] [bdsk'U] [ka'U] [knk'U] [mclg'U]
[tb'U] [CCID_50] [TCID_50] [EID_50] [PFU] [FFU] [CFU] [IR] [BAU] [AU] [Amb'a'1'U]
[PNU] [Lf] [D'ag'U] [FEU] [ELU] [EU] Ao b att [psi] circ sph [car_m] [car_Au]
[smoot] [m/s2/Hz^(1/2)] [NTU] [FNU] bit_s
"""
"""Atoms that take no prefix."""

_DEEPEST = 20
"""How many brackets may stand in each other."""


def _any_of(texts: str) -> str:
    longest_first = sorted(texts.split(), key=len, reverse=True)
    return "|".join(re.escape(text) for text in longest_first)


_ANNOTATION = r"\{[!-z|~]*\}"
_COMPONENT = re.compile(
    rf"(?:(?:(?:{_any_of(_PREFIXES)})?(?:{_any_of(_METRIC)})|{_any_of(_OTHERS)})"
    rf"(?:[-+]?[1-9][0-9]*)?(?:{_ANNOTATION})?"
    rf"|[1-9][0-9]*(?:{_ANNOTATION})?"
    rf"|{_ANNOTATION})(?=[./)]|\Z)"
)
_CLOSING = re.compile(rf"\)(?:{_ANNOTATION})?")


def is_ucum(text: str) -> bool:
    """Whether a text is a code of UCUM; case matters.

    >>> [is_ucum(text) for text in ("mm[Hg]", "{beats}/min", "mmHg", "beats/min")]
    [True, True, False, False]
    """
    return _end_of_term(text, 0, 0) == len(text)


def _end_of_term(text: str, start: int, depth: int) -> int | None:
    """Where the term that begins here ends; None if there is none."""
    at: int | None = start + 1 if text.startswith("/", start) else start
    while True:
        at = None if at is None else _end_of_component(text, at, depth)
        if at is None or not text.startswith((".", "/"), at):
            return at
        at += 1


def _end_of_component(text: str, start: int, depth: int) -> int | None:
    if not text.startswith("(", start):
        found = _COMPONENT.match(text, start)
        return None if found is None else found.end()
    if depth == _DEEPEST:
        return None
    inner = _end_of_term(text, start + 1, depth + 1)
    closing = None if inner is None else _CLOSING.match(text, inner)
    return None if closing is None else closing.end()
