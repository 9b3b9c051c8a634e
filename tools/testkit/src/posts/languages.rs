//! A few things people say, in the languages they say them in: a beginning, a thing, an end and a hashtag.

use rand::{RngExt, rngs::Xoshiro256PlusPlus};

struct Language {
    starts: &'static [&'static str],
    things: &'static [&'static str],
    ends: &'static [&'static str],
    tags: &'static [&'static str],
    /// Between the parts; nothing where words are not set apart.
    space: &'static str,
}

const LANGUAGES: &[Language] = &[
    Language {
        starts: &[
            "This morning I tried",
            "Nobody told me about",
            "I keep coming back to",
            "Two years later I still love",
        ],
        things: &[
            "the small bakery by the station",
            "a bicycle without gears",
            "that documentary about lighthouses",
            "reading on the night train",
        ],
        ends: &[
            "and it was worth it.",
            "before the rain started.",
            "and now I cannot stop thinking about it.",
            "with my sister.",
        ],
        tags: &["travel", "slowliving", "coffee", "rain"],
        space: " ",
    },
    Language {
        starts: &[
            "Heute Morgen habe ich",
            "Endlich hatte ich Zeit für",
            "Meine Großmutter schwört auf",
            "Im Schrebergarten geht nichts über",
        ],
        things: &[
            "frische Brötchen aus der Bäckerei",
            "ein altes Fahrrad ohne Gänge",
            "süße Äpfel vom Nachbarn",
            "einen langen Spaziergang am Fluss",
        ],
        ends: &[
            "und es hat sich gelohnt.",
            "bevor der Regen anfing.",
            "trotz der Kälte.",
            "mit der ganzen Familie.",
        ],
        tags: &["Köln", "Frühstück", "grün", "Wochenende"],
        space: " ",
    },
    Language {
        starts: &[
            "Ce matin j'ai découvert",
            "On m'avait pourtant parlé de",
            "Impossible d'oublier",
            "Rien ne vaut",
        ],
        things: &[
            "la petite librairie du quartier",
            "un vélo sans vitesses",
            "le café de la gare",
            "une promenade le long du canal",
        ],
        ends: &["et c'était merveilleux.", "avant l'orage.", "avec ma sœur.", "malgré le froid."],
        tags: &["été", "lecture", "vélo", "weekend"],
        space: " ",
    },
    Language {
        starts: &["Esta mañana probé", "Nadie me había hablado de", "Siempre vuelvo a", "No hay nada como"],
        things: &[
            "la panadería de la esquina",
            "una bicicleta sin marchas",
            "el mercado del barrio",
            "un paseo junto al río",
        ],
        ends: &["y valió la pena.", "antes de la lluvia.", "con mi hermana.", "a pesar del frío."],
        tags: &["mañana", "español", "viajes", "lluvia"],
        space: " ",
    },
    Language {
        starts: &["今朝は", "久しぶりに", "友達と一緒に", "雨の中で"],
        things: &["駅前の小さなパン屋", "古い自転車", "夜行列車の旅", "灯台のドキュメンタリー"],
        ends: &[
            "を楽しみました。",
            "のことを考えていました。",
            "に行ってきました。",
            "が本当に良かったです。",
        ],
        tags: &["朝ごはん", "旅行", "雨の日", "読書"],
        space: "",
    },
    Language {
        starts: &["今天早上我去了", "朋友向我推荐了", "我一直很喜欢", "周末和家人去看了"],
        things: &["车站旁边的小面包店", "河边的老图书馆", "山上的茶园", "海边的灯塔"],
        ends: &["，感觉非常好。", "，可惜下雨了。", "，下次还想再去。", "，大家都很开心。"],
        tags: &["旅行", "早餐", "周末", "读书"],
        space: "",
    },
    Language {
        starts: &[
            "Сегодня утром я нашла",
            "Никто не рассказывал мне про",
            "Мы снова вспомнили",
            "Очень люблю",
        ],
        things: &[
            "маленькую пекарню у вокзала",
            "старый велосипед",
            "книжный магазин на углу",
            "прогулку вдоль реки",
        ],
        ends: &["и это было прекрасно.", "пока не начался дождь.", "вместе с сестрой.", "несмотря на холод."],
        tags: &["утро", "книги", "дождь", "выходные"],
        space: " ",
    },
    Language {
        starts: &["هذا الصباح زرت", "لم يخبرني أحد عن", "أعود دائما إلى", "لا شيء مثل"],
        things: &[
            "المخبز الصغير قرب المحطة",
            "المكتبة القديمة",
            "السوق في وسط المدينة",
            "نزهة على ضفة النهر",
        ],
        ends: &["وكان ذلك رائعا.", "قبل المطر.", "مع أختي.", "رغم البرد."],
        tags: &["صباح", "قراءة", "سفر", "مطر"],
        space: " ",
    },
    Language {
        starts: &["आज सुबह मैंने देखी", "किसी ने मुझे नहीं बताया था", "मुझे हमेशा याद आती है", "कल शाम मिली"],
        things: &["स्टेशन के पास की छोटी दुकान", "पुरानी साइकिल", "नदी के किनारे की सैर", "दादी की रसोई"],
        ends: &["और बहुत अच्छा लगा।", "बारिश से पहले।", "अपनी बहन के साथ।", "ठंड के बावजूद।"],
        tags: &["सुबह", "यात्रा", "बारिश", "किताबें"],
        space: " ",
    },
    Language {
        starts: &[
            "Esta manhã experimentei",
            "Ninguém me tinha falado sobre",
            "Volto sempre a pensar em",
            "Não há nada como",
        ],
        things: &[
            "a padaria da estação",
            "uma bicicleta sem mudanças",
            "o mercado do bairro",
            "um passeio à beira-rio",
        ],
        ends: &["e valeu a pena.", "antes da chuva.", "com a minha irmã.", "apesar do frio."],
        tags: &["manhã", "viagem", "chuva", "leitura"],
        space: " ",
    },
];

/// Something in the language of that number; the numbers go round.
pub(super) fn sentence(language: u64, random: &mut Xoshiro256PlusPlus) -> String {
    let at = usize::try_from(language % LANGUAGES.len() as u64).unwrap_or(0);
    let Some(Language { starts, things, ends, tags, space }) = LANGUAGES.get(at) else {
        return String::new();
    };
    let mut pick =
        |from: &[&'static str]| from.get(random.random_range(0..from.len())).copied().unwrap_or_default();
    let (start, thing, end, tag) = (pick(starts), pick(things), pick(ends), pick(tags));
    let text = format!("{start}{space}{thing}{space}{end}");
    if random.random_ratio(1, 3) { format!("{text} #{tag}") } else { text }
}

/// A link farm: shouting, selling, many links to nowhere one wants to be. `n` tells it from the others.
pub(super) fn spam(n: u64) -> String {
    format!(
        "BUY BUY BUY!!! FREE MONEY, FREE CRYPTO, 100% WINNER {n}!!! CLICK HERE NOW \
         http://win-{n}.example.biz http://cash-{n}.example.biz http://free-{n}.example.biz \
         http://bonus-{n}.example.biz http://casino-{n}.example.biz #free #free #free #money #winner #click"
    )
}
