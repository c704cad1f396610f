"""Which texts are codes of UCUM: by its own examples, and by what devices send."""

import pytest

from transforms.ucum import is_ucum

# Of https://ucum.org/docs/common-units, among them one of each form.
EXAMPLES = """
    % %{loss_AC} %[slope] ' '' 1 /min /[HPF] /10*9 /100{WBCs} /kg /mm3 10*3/uL 10^3
    10.L/(min.m2) 10.uN.s/(cm5.m2) 100 24.h [arb'U]/mL [beth'U] [in_i'H2O] [Amb'a'1'U]
    [IU]/(2.h) [pH] [degF] [lb_av] [in_i] {breaths}/min {absorbance} {CPM}/10*3{cell}
    A/m B[10.nV] B[SPL] Cel K Ohm.m cal_[15] cal_th cm[H2O] cm[H2O]/L/s dB dar d/(7.d)
    fmol/mg{cyt_prot} g/(8.h){shift} g.m/{beat} g% kat/kg kcal/kg/(24.h) kg/m2 kg.m/s
    m/s2 m[H2O] [m/s2/Hz^(1/2)] mL/(kg.min) mL/min/{1.73_m2} mm[Hg] mmol/L mo_j ms m-2
    nmol/mg{prot} pmol/(h.mL) u[IU]/mL ug ug/(100.g) us wk Gibit 10*12/L kg{wet'tis}
    (((m))) {} /{x} m+2
"""


@pytest.mark.parametrize("code", EXAMPLES.split())
def test_what_ucum_has_is_a_code(code):
    assert is_ucum(code)


# Words, other brackets, an atom without its prefix, nothing where a unit is wanted.
OTHERS = """
    mmHg mm(Hg) mmhg MM[HG] MMHG bpm BPM beats/min count count/min breaths/minute
    degC degF °C ℃ lbs lb oz in inch hr sec steps puffs score percent iu IU/L
    k[lb_av] m[degF] d% mwk daKi kgs Kg KG / m/ m. m// m//s .m ()  (m m) (m)2 {a}{b}
    {a m{x {a{b}} m{µ} 0 0m 01 m0 m^2 m² m*s m-0 +2 -1 1.5e3 2x g.%2% /
"""


@pytest.mark.parametrize("text", [*OTHERS.split(), "", " ", "k g", "kg ", "{a b}"])
def test_what_ucum_does_not_have_is_none(text):
    assert not is_ucum(text)


def test_brackets_in_brackets_are_limited():
    assert is_ucum("(" * 20 + "m" + ")" * 20)
    assert not is_ucum("(" * 100_000 + "m" + ")" * 100_000)
