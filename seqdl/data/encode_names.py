"""What the names of ENCODE's uniform peak files say: cell, factor, treatment, kind of assay."""

from __future__ import annotations

import re

_LABS = "Broad|Haib|Sydh|Uchicago|Uta|Uwduke|Uncfaire|Uw|Duke|Openchrom"
_AWG = re.compile(rf"^wgEncodeAwg(?P<kind>Tfbs|Dnase)(?P<lab>{_LABS})(?P<rest>[A-Z].*)UniPk$")
_HISTONE = re.compile(
    r"^wgEncodeBroadHistone(?P<cell>[A-Z][a-z0-9]*)(?P<mark>H[1-4A-Z][A-Za-z0-9]*?)(Std)?Pk(V\d)?$"
)


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in text.split())


_CELLS = _pairs("""
    Helas3=HeLa-S3 H1hesc=H1-hESC Hepg2=HepG2 Hek293=HEK293 Mcf7=MCF-7 Ecc1=ECC-1 Sknsh=SK-N-SH
    Sknshra=SK-N-SH_RA T47d=T-47D Nt2d1=NT2-D1 U2os=U2OS Be2c=BE2_C Pbde=PBDE Mcf10aes=MCF10A-Er-Src
    Shsy5y=SH-SY5Y Panc1=PANC-1 Pfsk1=PFSK-1
""")
# Factors under an alias, or whose antibody's catalogue number runs into the name, so that no rule parts them.
_FACTORS = _pairs("""
    Atf106325=ATF1 Bclaf101388=BCLAF1 Elk112771=ELK1 Prdm19115=PRDM1 Sap3039731=SAP30 Ezh239875=EZH2
    Tcf7l2c9b92565=TCF7L2 P300sc584sc584=P300 P300b=P300 Ctcfc=CTCF Ctcfb=CTCF Pol2b=POL2 Efos=FOS
    Cfos=FOS Ejunb=JUNB Cjun=JUN Cmyc=MYC Hae2f1=E2F1 Ehdac8=HDAC8 Mxi1af4185=MXI1 Znf274m01=ZNF274
    Tf3c110=GTF3C2 Baf155=SMARCC1 Baf170=SMARCC2 Bhlhe40c=BHLHE40 Chd1a301218a=CHD1
    Znf143166181ap=ZNF143 Smc3ab9263=SMC3 Ubtfsab1404509=UBTF Ikzf1iknucla=IKZF1 Rfx5200401194=RFX5
    Pax5c20=PAX5 Sin3ak20=SIN3A Corestsc30189=RCOR1 Corestab24166=RCOR1 Bhlhe40nb100=BHLHE40 Pu1=SPI1
    Nrsf=REST Plu1=KDM5B Brg1=SMARCA4 Ini1=SMARCB1 Tblr1ab24550=TBL1XR1
""")
_ANTIBODY = re.compile(r"(sc\d+|ab\d+|nb\d+|hpa\d+|a\d{6}a?|a300|\d{5,})$")
_TREATMENT = re.compile(
    r"(Ifna\d+h?|Ifng\d+h?|Tnfa|Forskln|Dex\w*?|Dm\d+p\w*?|Est\w*?|Etoh\w*?|Insln|Pravast"
    r"|Serum\w*?|Tam\w*?|Bpa\w*?)$"
)
_PROTOCOL = re.compile(r"(V04\d{5}|Pcr\dx|Iggrab|Iggmus|Std|Ucd)$")


def parse_encode_name(stem: str) -> dict[str, str] | None:
    """Read cell, assay, treatment and category from the name of an ENCODE uniform peak or Broad histone file.

    Parameters
    ----------
    stem : str
        A name such as ``wgEncodeAwgTfbsSydhK562Irf1Ifna30UniPk`` or ``wgEncodeAwgDnaseUwdukeHelas3UniPk``.

    Returns
    -------
    fields : dict or None
        Keys cell, assay, treatment, category ("TF", "DNase" or "histone"); None for another kind of name.

    Examples
    --------
    >>> parse_encode_name("wgEncodeAwgTfbsSydhK562Irf1Ifna30UniPk")
    {'cell': 'K562', 'assay': 'IRF1', 'treatment': 'Ifna30', 'category': 'TF'}
    """
    histone = _HISTONE.match(stem)
    if histone:
        mark = re.sub(r"k0(\d)", r"k\1", histone["mark"])
        mark = re.sub(r"^H2az$", "H2A.Z", re.sub(r"^H(\d)k", r"H\1K", mark))
        return {"cell": _cell(histone["cell"]), "assay": mark, "treatment": "", "category": "histone"}
    match = _AWG.match(stem)
    if match is None:
        return None
    words = re.findall(r"[A-Z][a-z0-9]*", match["rest"])
    cell, rest = words[0], match["rest"][len(words[0]) :]
    if match["kind"] == "Dnase":
        return {"cell": _cell(cell), "assay": "DNase", "treatment": rest, "category": "DNase"}
    treatment = ""
    for pattern in (_PROTOCOL, _TREATMENT, _PROTOCOL):
        found = pattern.search(rest)
        if found and found.start() > 0:
            treatment = found[0] if pattern is _TREATMENT else treatment
            rest = rest[: found.start()]
    factor = _FACTORS.get(rest) or _ANTIBODY.sub("", rest).upper()
    return {"cell": _cell(cell), "assay": factor, "treatment": treatment, "category": "TF"}


def _cell(word: str) -> str:
    return _CELLS.get(word) or (
        word.upper() if re.fullmatch(r"(Gm|Imr|Ag|Nhek|Huvec|Hmec|Nhlf|Hsmm)\w*", word) else word
    )
