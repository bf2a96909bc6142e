// What the list of unanswered questions says, in every language that the floor speaks.
//
// One list for each language, in the order of KEYS: the compiler checks that none is shorter.

import { languageOf } from "./locale";

const KEYS = ["title", "kept", "none", "asked", "begin", "failed"] as const;
type Texts<List extends readonly unknown[]> = { readonly [At in keyof List]: string };
type Row = Texts<typeof KEYS>;
export type GapsStrings = Record<(typeof KEYS)[number], string>;

/** `{n}`: how often; `{t}`: since when. */
const ALL: Record<string, Row> = {
  en: ["Questions without an article", "From the conversations that are kept, what is asked most at first. Personal data is masked.", "None so far.", "{n}× since {t}", "Begin an article", "The list could not be loaded. Please try again."],
  es: ["Preguntas sin artículo", "De las conversaciones que se guardan, primero lo más preguntado. Los datos personales van ocultos.", "Ninguna por ahora.", "{n}× desde {t}", "Empezar un artículo", "No se pudo cargar la lista. Inténtalo de nuevo."],
  pt: ["Perguntas sem artigo", "Das conversas guardadas, primeiro o mais perguntado. Os dados pessoais ficam ocultos.", "Nenhuma por enquanto.", "{n}× desde {t}", "Começar um artigo", "Não foi possível carregar a lista. Tente de novo."],
  fr: ["Questions sans article", "Parmi les conversations gardées, le plus demandé d’abord. Les données personnelles sont masquées.", "Aucune pour l’instant.", "{n}× depuis {t}", "Commencer un article", "La liste n’a pas pu être chargée. Réessayez."],
  de: ["Fragen ohne Artikel", "Aus den aufbewahrten Gesprächen, das Häufigste zuerst. Persönliche Daten sind verdeckt.", "Bisher keine.", "{n}× seit {t}", "Artikel beginnen", "Die Liste konnte nicht geladen werden. Bitte noch einmal versuchen."],
  it: ["Domande senza articolo", "Dalle conversazioni conservate, prima le più frequenti. I dati personali sono nascosti.", "Nessuna finora.", "{n}× dal {t}", "Inizia un articolo", "Impossibile caricare l’elenco. Riprova."],
  nl: ["Vragen zonder artikel", "Uit de bewaarde gesprekken, het meest gevraagde eerst. Persoonsgegevens zijn verborgen.", "Nog geen.", "{n}× sinds {t}", "Artikel beginnen", "De lijst kon niet worden geladen. Probeer het opnieuw."],
  sv: ["Frågor utan artikel", "Ur sparade konversationer, det vanligaste först. Personuppgifter är dolda.", "Inga hittills.", "{n}× sedan {t}", "Börja på en artikel", "Listan kunde inte laddas. Försök igen."],
  pl: ["Pytania bez artykułu", "Z przechowywanych rozmów, najczęstsze najpierw. Dane osobowe są ukryte.", "Na razie brak.", "{n}× od {t}", "Zacznij artykuł", "Nie udało się wczytać listy. Spróbuj ponownie."],
  ru: ["Вопросы без статьи", "Из хранимых разговоров, сначала самые частые. Личные данные скрыты.", "Пока нет.", "{n}× с {t}", "Начать статью", "Не удалось загрузить список. Попробуйте ещё раз."],
  uk: ["Запитання без статті", "Зі збережених розмов, спершу найчастіші. Особисті дані приховано.", "Поки немає.", "{n}× від {t}", "Почати статтю", "Не вдалося завантажити список. Спробуйте ще раз."],
  tr: ["Makalesi olmayan sorular", "Saklanan konuşmalardan, en çok sorulan önce. Kişisel veriler gizlenmiştir.", "Şimdilik yok.", "{t} tarihinden beri {n}×", "Makaleye başla", "Liste yüklenemedi. Lütfen yeniden dene."],
  ar: ["أسئلة بلا مقال", "من المحادثات المحفوظة، الأكثر تكرارًا أولًا. البيانات الشخصية محجوبة.", "لا شيء حتى الآن.", "{n}× منذ {t}", "ابدأ مقالًا", "تعذّر تحميل القائمة. حاول مرة أخرى."],
  he: ["שאלות ללא מאמר", "מתוך השיחות השמורות, הנפוצות ביותר תחילה. פרטים אישיים מוסתרים.", "אין בינתיים.", "{n}× מאז {t}", "להתחיל מאמר", "לא ניתן לטעון את הרשימה. נסו שוב."],
  fa: ["پرسش‌های بی‌مقاله", "از گفتگوهای نگه‌داشته‌شده، پرتکرارترین در آغاز. داده‌های شخصی پوشانده شده‌اند.", "هنوز هیچ.", "{n}× از {t}", "آغاز یک مقاله", "فهرست بارگذاری نشد. دوباره تلاش کنید."],
  ur: ["بغیر مضمون کے سوالات", "محفوظ گفتگوؤں سے، سب سے زیادہ پوچھے گئے پہلے۔ ذاتی معلومات چھپائی گئی ہیں۔", "ابھی کوئی نہیں۔", "{t} سے {n}×", "مضمون شروع کریں", "فہرست لوڈ نہ ہو سکی۔ دوبارہ کوشش کریں۔"],
  hi: ["बिना लेख के सवाल", "रखी गई बातचीतों से, सबसे ज़्यादा पूछे गए पहले। निजी जानकारी छिपी है।", "अभी कोई नहीं।", "{t} से {n}×", "लेख शुरू करें", "सूची लोड नहीं हुई। फिर से कोशिश करें।"],
  bn: ["নিবন্ধ ছাড়া প্রশ্ন", "রাখা কথোপকথন থেকে, সবচেয়ে বেশি জিজ্ঞাসিত আগে। ব্যক্তিগত তথ্য ঢাকা।", "এখনো নেই।", "{t} থেকে {n}×", "নিবন্ধ শুরু করুন", "তালিকা লোড হয়নি। আবার চেষ্টা করুন।"],
  th: ["คำถามที่ไม่มีบทความ", "จากการสนทนาที่เก็บไว้ เรียงจากที่ถามบ่อยที่สุด ข้อมูลส่วนตัวถูกปิดไว้", "ยังไม่มี", "{n}× ตั้งแต่ {t}", "เริ่มบทความ", "โหลดรายการไม่ได้ โปรดลองอีกครั้ง"],
  vi: ["Câu hỏi chưa có bài viết", "Từ các cuộc trò chuyện được lưu, câu hỏi nhiều nhất trước. Dữ liệu cá nhân được che.", "Chưa có.", "{n}× từ {t}", "Bắt đầu bài viết", "Không tải được danh sách. Vui lòng thử lại."],
  id: ["Pertanyaan tanpa artikel", "Dari percakapan yang disimpan, yang paling sering ditanya lebih dulu. Data pribadi disamarkan.", "Belum ada.", "{n}× sejak {t}", "Mulai artikel", "Daftar tidak dapat dimuat. Silakan coba lagi."],
  ms: ["Soalan tanpa artikel", "Daripada perbualan yang disimpan, yang paling kerap ditanya dahulu. Data peribadi disembunyikan.", "Belum ada.", "{n}× sejak {t}", "Mulakan artikel", "Senarai tidak dapat dimuatkan. Sila cuba lagi."],
  tl: ["Mga tanong na walang artikulo", "Mula sa mga nakatagong usapan, una ang pinakamadalas itanong. Nakatakip ang personal na datos.", "Wala pa.", "{n}× mula {t}", "Simulan ang artikulo", "Hindi na-load ang listahan. Pakisubukan muli."],
  zh: ["没有文章的问题", "来自保存的对话，问得最多的在前。个人信息已隐去。", "暂无。", "自 {t} 起 {n} 次", "开始写文章", "列表无法加载，请重试。"],
  ja: ["記事のない質問", "保存されている会話から、多い順に。個人情報は伏せてあります。", "まだありません。", "{t} から {n} 回", "記事を書き始める", "一覧を読み込めませんでした。もう一度お試しください。"],
  ko: ["문서가 없는 질문", "보관된 대화에서 많이 묻는 순서입니다. 개인 정보는 가렸습니다.", "아직 없습니다.", "{t}부터 {n}회", "문서 쓰기 시작", "목록을 불러오지 못했습니다. 다시 시도해 주세요."],
};

export function gapsStrings(locale: string): GapsStrings {
  const row = ALL[languageOf(locale)] ?? ALL["en"]!;
  return Object.fromEntries(KEYS.map((key, at) => [key, row[at]])) as GapsStrings;
}
