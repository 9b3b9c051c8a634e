/// What spam says, in the languages it most often comes in.
const BUILT_IN: &[&str] = &[
    "buy now",
    "click here",
    "free money",
    "make money fast",
    "limited offer",
    "work from home",
    "jetzt kaufen",
    "geld verdienen",
    "gewinnspiel",
    "haz clic aquí",
    "gana dinero",
    "cliquez ici",
    "gagnez de l'argent",
    "купить сейчас",
    "лёгкий заработок",
    "今すぐ購入",
    "簡単に稼げる",
    "無料プレゼント",
    "点击链接",
    "免费领取",
    "지금 구매",
    "اشتر الآن",
    "اربح المال",
];

/// Phrases in lower case.
#[derive(Debug)]
pub(crate) struct Phrases(Vec<String>);

impl Phrases {
    pub(crate) fn built_in() -> Self {
        Self(BUILT_IN.iter().map(|phrase| phrase.to_lowercase()).collect())
    }

    /// The chain's own.
    pub(crate) fn new(phrases: &[String]) -> Result<Self, String> {
        match phrases.iter().position(|phrase| phrase.trim().is_empty()) {
            Some(index) => Err(format!("`phrases[{index}]` is blank, which every text contains")),
            None => Ok(Self(phrases.iter().map(|phrase| phrase.to_lowercase()).collect())),
        }
    }

    /// How many of them the text, in lower case, contains.
    pub(crate) fn count_in(&self, lower: &str) -> usize {
        self.0.iter().filter(|phrase| lower.contains(phrase.as_str())).count()
    }
}
