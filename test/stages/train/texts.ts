/** A small multilingual collection from which tests learn a tokenizer. */
export const PASSAGES: readonly string[] = [
  'A café in Málaga serves crème brûlée and naïve résumés, all priced at 3,50 €.',
  'The cafés of Malaga are older than the cafes of Lisbon; their coffee is roasted twice.',
  'Roasting coffee at 220 degrees makes it darker, and roasting it twice makes it bitter.',
  'Die Straße nach Köln führt über Düsseldorf; große Lastwagen fahren nachts über die Straße.',
  'Große Straßen führen nach Köln, kleine Straßen führen nach Hause.',
  'Ὀδυσσεύς και ΟΔΟΣ: ο δρόμος του Οδυσσέα, η οδός του δρόμου.',
  'Москва и Минск: поезд из Москвы в Минск идёт восемь часов.',
  '東京の天気は晴れです。京都の天気は雨です。',
  '北京的天气很好，上海的天气也很好。',
  '서울의 날씨는 맑고 부산의 날씨는 흐립니다.',
  'Emoji are text too: 🎉 party, 🎉 cake, 👩‍🔬 science.',
  'p53-MDM2 binding; IL-2 and TNF-alpha at 10mg/kg. See p53, MDM2, IL-2.',
]

/** Texts with everything that tokenizers disagree about. */
export const HARD_TEXTS: readonly string[] = [
  '',
  ' \t\r\n ',
  'Roasted coffee, twice roasted!',
  'CAFÉ cafe\u0301 CAFE\u0301 Café',
  'STRASSE Straße ẞ ß İstanbul ﬁsh Ⅳ ｆｕｌｌ',
  'ΟΔΟΣ οδος οδός Ὀδυσσεύς',
  '東京タワー 東京と京都、北京 上海。',
  '\u{20000}\u{2a6d6} 豈 㐀 rare ideographs 東\u{20b9f}京',
  '서울 날씨 각',
  '🎉🎉 party🎉 👩‍🔬 1️⃣ 🇩🇪',
  'zero\u200bwidth soft\u00adhyphen nbsp\u00a0here line\u2028separator bell\u0007bell nul\u0000nul',
  'private\ue000use replaced\ufffdhere bom\ufeffbom next\u0085line',
  "don't stop—now… “quoted” 'single' a_b c.d e/f ¿qué? 100% $5 €6 #7 +8 ~9 ^a `b |c <d>",
  '[CLS] roasted [SEP] coffee [MASK] [UNK] [PAD] [cls]',
  `${'a'.repeat(100)} ${'a'.repeat(101)} ${'é'.repeat(100)} ${'🎉'.repeat(101)}`,
  'unknowncharacters ℵ₀ ∑∫ ☃ ✓ αβγ ђћ',
  '__proto__ constructor toString 0 1 10 007',
]
