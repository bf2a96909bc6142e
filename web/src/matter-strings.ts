// What the seat's page says of matters: why a message is in a conversation, and how to say that it is not.
//
// One list for each language, in the order of KEYS: the compiler checks that none is shorter.

import { languageOf } from "./locale";

const KEYS = ["open", "named", "ended", "same", "part", "apart"] as const;
type Texts<List extends readonly unknown[]> = { readonly [At in keyof List]: string };
type Row = Texts<typeof KEYS>;
export type MatterStrings = Record<(typeof KEYS)[number], string>;

/** `{m}`: the message; `{t}`: a span of time. `part` moves a message, `apart` forgets what came before. */
const ALL: Record<string, Row> = {
  en: ["“{m}” came by another way and was put here: the customer is verified.", "“{m}” speaks of another order than this conversation.", "Goes on from a conversation that ended {t} ago: the customer is verified.", "Both name the same order.", "Another matter: move it", "Another matter"],
  es: ["«{m}» llegó por otra vía y se puso aquí: el cliente está verificado.", "«{m}» habla de otro pedido que esta conversación.", "Sigue de una conversación que terminó hace {t}: el cliente está verificado.", "Ambas nombran el mismo pedido.", "Es otro asunto: moverlo", "Es otro asunto"],
  pt: ["“{m}” chegou por outra via e foi posta aqui: o cliente é verificado.", "“{m}” fala de outro pedido que não o desta conversa.", "Continua uma conversa que terminou há {t}: o cliente é verificado.", "Ambas citam o mesmo pedido.", "É outro assunto: mover", "É outro assunto"],
  fr: ["« {m} » est arrivé par une autre voie et a été mis ici : le client est vérifié.", "« {m} » parle d’une autre commande que cette conversation.", "Fait suite à une conversation terminée il y a {t} : le client est vérifié.", "Les deux citent la même commande.", "Autre sujet : déplacer", "Autre sujet"],
  de: ["„{m}“ kam auf einem anderen Weg und wurde hier eingeordnet: Der Kunde ist bestätigt.", "„{m}“ spricht von einer anderen Bestellung als dieses Gespräch.", "Setzt ein Gespräch fort, das vor {t} endete: Der Kunde ist bestätigt.", "Beide nennen dieselbe Bestellung.", "Anderes Anliegen: verschieben", "Anderes Anliegen"],
  it: ["«{m}» è arrivato per un’altra via ed è stato messo qui: il cliente è verificato.", "«{m}» parla di un ordine diverso da quello di questa conversazione.", "Continua una conversazione finita {t} fa: il cliente è verificato.", "Entrambe citano lo stesso ordine.", "È un’altra questione: sposta", "È un’altra questione"],
  nl: ["“{m}” kwam langs een andere weg en is hier geplaatst: de klant is geverifieerd.", "“{m}” gaat over een andere bestelling dan dit gesprek.", "Gaat verder op een gesprek dat {t} geleden eindigde: de klant is geverifieerd.", "Beide noemen dezelfde bestelling.", "Iets anders: verplaatsen", "Iets anders"],
  sv: ["”{m}” kom en annan väg och lades här: kunden är verifierad.", "”{m}” gäller en annan beställning än den här konversationen.", "Fortsätter en konversation som avslutades för {t} sedan: kunden är verifierad.", "Båda nämner samma beställning.", "Annat ärende: flytta", "Annat ärende"],
  pl: ["„{m}” przyszło inną drogą i trafiło tutaj: klient jest zweryfikowany.", "„{m}” dotyczy innego zamówienia niż ta rozmowa.", "Ciąg dalszy rozmowy zakończonej {t} temu: klient jest zweryfikowany.", "Obie wymieniają to samo zamówienie.", "Inna sprawa: przenieś", "Inna sprawa"],
  ru: ["«{m}» пришло другим путём и помещено сюда: клиент подтверждён.", "«{m}» говорит о другом заказе, чем этот разговор.", "Продолжает разговор, который закончился {t} назад: клиент подтверждён.", "В обоих назван один заказ.", "Другой вопрос: перенести", "Другой вопрос"],
  uk: ["«{m}» надійшло іншим шляхом і потрапило сюди: клієнта підтверджено.", "«{m}» стосується іншого замовлення, ніж ця розмова.", "Продовжує розмову, що закінчилася {t} тому: клієнта підтверджено.", "В обох названо одне замовлення.", "Інше питання: перенести", "Інше питання"],
  tr: ["“{m}” başka bir yoldan geldi ve buraya kondu: müşteri doğrulandı.", "“{m}” bu konuşmadakinden başka bir siparişten söz ediyor.", "{t} önce biten bir konuşmanın devamı: müşteri doğrulandı.", "İkisi de aynı siparişi anıyor.", "Başka konu: taşı", "Başka konu"],
  ar: ["«{m}» وصلت من طريق آخر ووُضعت هنا: العميل موثَّق.", "«{m}» تتحدث عن طلب غير طلب هذه المحادثة.", "تتمة لمحادثة انتهت قبل {t}: العميل موثَّق.", "كلتاهما تذكر الطلب نفسه.", "موضوع آخر: انقلها", "موضوع آخر"],
  he: ["„{m}” הגיעה בדרך אחרת ושובצה כאן: הלקוח מאומת.", "„{m}” מדברת על הזמנה אחרת מזו של השיחה.", "המשך לשיחה שהסתיימה לפני {t}: הלקוח מאומת.", "בשתיהן מוזכרת אותה הזמנה.", "עניין אחר: להעביר", "עניין אחר"],
  fa: ["«{m}» از راه دیگری رسید و اینجا گذاشته شد: هویت مشتری تأیید شده است.", "«{m}» دربارهٔ سفارشی غیر از سفارش این گفتگو است.", "ادامهٔ گفتگویی که {t} پیش پایان یافت: هویت مشتری تأیید شده است.", "هر دو از یک سفارش نام می‌برند.", "موضوع دیگری است: انتقال", "موضوع دیگری است"],
  ur: ["«{m}» کسی اور راستے سے آیا اور یہاں رکھا گیا: گاہک تصدیق شدہ ہے۔", "«{m}» اس گفتگو کے بجائے کسی اور آرڈر کے بارے میں ہے۔", "یہ اس گفتگو کا تسلسل ہے جو {t} پہلے ختم ہوئی: گاہک تصدیق شدہ ہے۔", "دونوں میں ایک ہی آرڈر کا ذکر ہے۔", "دوسرا معاملہ: منتقل کریں", "دوسرا معاملہ"],
  hi: ["“{m}” दूसरे रास्ते से आया और यहाँ रखा गया: ग्राहक सत्यापित है।", "“{m}” इस बातचीत के बजाय किसी और ऑर्डर की बात करता है।", "{t} पहले समाप्त हुई बातचीत से जारी: ग्राहक सत्यापित है।", "दोनों में वही ऑर्डर है।", "दूसरा मामला: हटाएँ", "दूसरा मामला"],
  bn: ["“{m}” অন্য পথে এসেছে এবং এখানে রাখা হয়েছে: গ্রাহক যাচাইকৃত।", "“{m}” এই কথোপকথনের বদলে অন্য অর্ডারের কথা বলছে।", "{t} আগে শেষ হওয়া কথোপকথনের পরের অংশ: গ্রাহক যাচাইকৃত।", "দুটিতেই একই অর্ডারের উল্লেখ আছে।", "অন্য বিষয়: সরিয়ে নিন", "অন্য বিষয়"],
  th: ["“{m}” มาทางอื่นและถูกจัดไว้ที่นี่: ลูกค้ายืนยันตัวตนแล้ว", "“{m}” พูดถึงคำสั่งซื้ออื่นที่ไม่ใช่ของการสนทนานี้", "ต่อจากการสนทนาที่จบไปเมื่อ {t} ก่อน: ลูกค้ายืนยันตัวตนแล้ว", "ทั้งสองกล่าวถึงคำสั่งซื้อเดียวกัน", "คนละเรื่อง: ย้ายออก", "คนละเรื่อง"],
  vi: ["“{m}” đến bằng đường khác và được xếp vào đây: khách đã được xác minh.", "“{m}” nói về một đơn hàng khác với cuộc trò chuyện này.", "Tiếp nối cuộc trò chuyện đã kết thúc {t} trước: khách đã được xác minh.", "Cả hai nêu cùng một đơn hàng.", "Chuyện khác: chuyển đi", "Chuyện khác"],
  id: ["“{m}” datang lewat jalur lain dan dimasukkan ke sini: pelanggan terverifikasi.", "“{m}” membicarakan pesanan lain dari percakapan ini.", "Lanjutan percakapan yang berakhir {t} lalu: pelanggan terverifikasi.", "Keduanya menyebut pesanan yang sama.", "Urusan lain: pindahkan", "Urusan lain"],
  ms: ["“{m}” datang melalui jalan lain dan diletakkan di sini: pelanggan telah disahkan.", "“{m}” bercakap tentang pesanan lain daripada perbualan ini.", "Sambungan perbualan yang tamat {t} lalu: pelanggan telah disahkan.", "Kedua-duanya menyebut pesanan yang sama.", "Perkara lain: pindahkan", "Perkara lain"],
  tl: ["Dumating sa ibang daan ang “{m}” at inilagay dito: beripikado ang customer.", "Ibang order ang tinutukoy ng “{m}” kaysa sa usapang ito.", "Karugtong ng usapang natapos {t} na ang nakaraan: beripikado ang customer.", "Iisang order ang binabanggit ng dalawa.", "Ibang bagay: ilipat", "Ibang bagay"],
  zh: ["“{m}”由其他途径发来，已归入此处：客户身份已验证。", "“{m}”说的不是本对话的订单。", "接续 {t}前结束的对话：客户身份已验证。", "两者提到同一订单。", "另一件事：移出", "另一件事"],
  ja: ["「{m}」は別の経路で届き、ここに入れられました。本人確認済みのお客様です。", "「{m}」はこの会話とは別の注文についてです。", "{t}前に終わった会話の続きです。本人確認済みのお客様です。", "どちらも同じ注文です。", "別件：移動する", "別件"],
  ko: ["“{m}” 메시지가 다른 경로로 와서 여기에 넣었습니다. 확인된 고객입니다.", "“{m}” 메시지는 이 대화와 다른 주문에 관한 것입니다.", "{t} 전에 끝난 대화에서 이어집니다. 확인된 고객입니다.", "둘 다 같은 주문을 말합니다.", "다른 용건: 옮기기", "다른 용건"],
};

export function matterStrings(locale: string): MatterStrings {
  const row = ALL[languageOf(locale)] ?? ALL["en"]!;
  return Object.fromEntries(KEYS.map((key, at) => [key, row[at]])) as MatterStrings;
}
