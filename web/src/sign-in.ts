// Signing in at the provider of a shop: what the door of the seat page says and does beside the password.
//
// One list for each language, in the order of KEYS: the compiler checks that none is shorter.

import { languageOf } from "./locale";

const KEYS = ["with", "out", "refused", "unknown", "unavailable", "late"] as const;
type Texts<List extends readonly unknown[]> = { readonly [At in keyof List]: string };
type Row = Texts<typeof KEYS>;
export type SignInStrings = Record<(typeof KEYS)[number], string>;

/** `{s}`: the name of the account, as the shop calls it. */
const ALL: Record<string, Row> = {
  en: ["Sign in with {s}", "Sign out", "The sign-in was refused. Please try again.", "This account has no seat in this shop.", "The sign-in service does not answer. Use your password, or try again later.", "The sign-in took too long or began in another window. Please try again."],
  es: ["Entrar con {s}", "Salir", "Se rechazó el acceso. Inténtalo de nuevo.", "Esta cuenta no tiene puesto en esta tienda.", "El servicio de acceso no responde. Usa tu contraseña o inténtalo más tarde.", "El acceso tardó demasiado o empezó en otra ventana. Inténtalo de nuevo."],
  pt: ["Entrar com {s}", "Sair", "O acesso foi recusado. Tente de novo.", "Esta conta não tem posto nesta loja.", "O serviço de acesso não responde. Use sua senha ou tente mais tarde.", "O acesso demorou demais ou começou em outra janela. Tente de novo."],
  fr: ["Se connecter avec {s}", "Se déconnecter", "La connexion a été refusée. Réessayez.", "Ce compte n’a pas de poste dans cette boutique.", "Le service de connexion ne répond pas. Utilisez votre mot de passe ou réessayez plus tard.", "La connexion a pris trop de temps ou a commencé dans une autre fenêtre. Réessayez."],
  de: ["Anmelden mit {s}", "Abmelden", "Die Anmeldung wurde abgelehnt. Bitte noch einmal versuchen.", "Dieses Konto hat keinen Platz in diesem Shop.", "Der Anmeldedienst antwortet nicht. Nutze dein Passwort oder versuche es später.", "Die Anmeldung dauerte zu lange oder begann in einem anderen Fenster. Bitte noch einmal versuchen."],
  it: ["Accedi con {s}", "Esci", "L’accesso è stato rifiutato. Riprova.", "Questo account non ha una postazione in questo negozio.", "Il servizio di accesso non risponde. Usa la password o riprova più tardi.", "L’accesso ha richiesto troppo tempo o è iniziato in un’altra finestra. Riprova."],
  nl: ["Inloggen met {s}", "Uitloggen", "Het inloggen is geweigerd. Probeer het opnieuw.", "Dit account heeft geen plek in deze winkel.", "De inlogdienst antwoordt niet. Gebruik je wachtwoord of probeer het later.", "Het inloggen duurde te lang of begon in een ander venster. Probeer het opnieuw."],
  sv: ["Logga in med {s}", "Logga ut", "Inloggningen nekades. Försök igen.", "Kontot har ingen plats i den här butiken.", "Inloggningstjänsten svarar inte. Använd ditt lösenord eller försök senare.", "Inloggningen tog för lång tid eller började i ett annat fönster. Försök igen."],
  pl: ["Zaloguj się przez {s}", "Wyloguj się", "Logowanie odrzucono. Spróbuj ponownie.", "To konto nie ma stanowiska w tym sklepie.", "Usługa logowania nie odpowiada. Użyj hasła lub spróbuj później.", "Logowanie trwało zbyt długo lub zaczęło się w innym oknie. Spróbuj ponownie."],
  ru: ["Войти через {s}", "Выйти", "Во входе отказано. Попробуйте ещё раз.", "У этой учётной записи нет места в этом магазине.", "Служба входа не отвечает. Войдите с паролем или попробуйте позже.", "Вход занял слишком много времени или начат в другом окне. Попробуйте ещё раз."],
  uk: ["Увійти через {s}", "Вийти", "У вході відмовлено. Спробуйте ще раз.", "Цей обліковий запис не має місця в цьому магазині.", "Служба входу не відповідає. Увійдіть із паролем або спробуйте пізніше.", "Вхід тривав надто довго або почався в іншому вікні. Спробуйте ще раз."],
  tr: ["{s} ile giriş yap", "Çıkış yap", "Giriş reddedildi. Lütfen yeniden dene.", "Bu hesabın bu mağazada yeri yok.", "Giriş hizmeti yanıt vermiyor. Parolanı kullan ya da sonra dene.", "Giriş çok uzun sürdü ya da başka bir pencerede başladı. Lütfen yeniden dene."],
  ar: ["الدخول عبر {s}", "تسجيل الخروج", "رُفض الدخول. حاول مرة أخرى.", "ليس لهذا الحساب مقعد في هذا المتجر.", "خدمة الدخول لا تجيب. استخدم كلمة المرور أو حاول لاحقًا.", "استغرق الدخول وقتًا طويلًا أو بدأ في نافذة أخرى. حاول مرة أخرى."],
  he: ["כניסה עם {s}", "יציאה", "הכניסה נדחתה. נסו שוב.", "לחשבון הזה אין עמדה בחנות הזו.", "שירות הכניסה לא עונה. השתמשו בסיסמה או נסו מאוחר יותר.", "הכניסה ארכה זמן רב מדי או התחילה בחלון אחר. נסו שוב."],
  fa: ["ورود با {s}", "خروج", "ورود پذیرفته نشد. دوباره تلاش کنید.", "این حساب در این فروشگاه جایگاهی ندارد.", "سرویس ورود پاسخ نمی‌دهد. از گذرواژه استفاده کنید یا بعداً تلاش کنید.", "ورود بیش از حد طول کشید یا در پنجره دیگری آغاز شد. دوباره تلاش کنید."],
  ur: ["{s} سے سائن ان کریں", "سائن آؤٹ", "سائن ان مسترد ہو گیا۔ دوبارہ کوشش کریں۔", "اس اکاؤنٹ کی اس دکان میں کوئی نشست نہیں۔", "سائن ان سروس جواب نہیں دے رہی۔ پاس ورڈ استعمال کریں یا بعد میں کوشش کریں۔", "سائن ان میں بہت دیر لگی یا یہ کسی اور ونڈو میں شروع ہوا۔ دوبارہ کوشش کریں۔"],
  hi: ["{s} से साइन इन करें", "साइन आउट", "साइन इन अस्वीकार हुआ। फिर से कोशिश करें।", "इस खाते की इस दुकान में कोई सीट नहीं है।", "साइन इन सेवा जवाब नहीं दे रही। पासवर्ड इस्तेमाल करें या बाद में कोशिश करें।", "साइन इन में बहुत समय लगा या यह दूसरी विंडो में शुरू हुआ। फिर से कोशिश करें।"],
  bn: ["{s} দিয়ে সাইন ইন করুন", "সাইন আউট", "সাইন ইন প্রত্যাখ্যাত হয়েছে। আবার চেষ্টা করুন।", "এই দোকানে এই অ্যাকাউন্টের কোনো আসন নেই।", "সাইন ইন সেবা সাড়া দিচ্ছে না। পাসওয়ার্ড ব্যবহার করুন বা পরে চেষ্টা করুন।", "সাইন ইন করতে বেশি সময় লেগেছে বা অন্য উইন্ডোতে শুরু হয়েছে। আবার চেষ্টা করুন।"],
  th: ["เข้าสู่ระบบด้วย {s}", "ออกจากระบบ", "การเข้าสู่ระบบถูกปฏิเสธ โปรดลองอีกครั้ง", "บัญชีนี้ไม่มีที่นั่งในร้านนี้", "บริการเข้าสู่ระบบไม่ตอบ ใช้รหัสผ่านหรือลองใหม่ภายหลัง", "การเข้าสู่ระบบใช้เวลานานเกินไปหรือเริ่มในหน้าต่างอื่น โปรดลองอีกครั้ง"],
  vi: ["Đăng nhập bằng {s}", "Đăng xuất", "Đăng nhập bị từ chối. Vui lòng thử lại.", "Tài khoản này không có chỗ trong cửa hàng này.", "Dịch vụ đăng nhập không trả lời. Hãy dùng mật khẩu hoặc thử lại sau.", "Đăng nhập quá lâu hoặc bắt đầu ở cửa sổ khác. Vui lòng thử lại."],
  id: ["Masuk dengan {s}", "Keluar", "Proses masuk ditolak. Silakan coba lagi.", "Akun ini tidak punya kursi di toko ini.", "Layanan masuk tidak menjawab. Pakai kata sandi atau coba lagi nanti.", "Proses masuk terlalu lama atau dimulai di jendela lain. Silakan coba lagi."],
  ms: ["Log masuk dengan {s}", "Log keluar", "Log masuk ditolak. Sila cuba lagi.", "Akaun ini tiada tempat di kedai ini.", "Perkhidmatan log masuk tidak menjawab. Guna kata laluan atau cuba kemudian.", "Log masuk terlalu lama atau bermula di tetingkap lain. Sila cuba lagi."],
  tl: ["Mag-sign in gamit ang {s}", "Mag-sign out", "Tinanggihan ang pag-sign in. Pakisubukan muli.", "Walang puwesto ang account na ito sa tindahang ito.", "Hindi sumasagot ang serbisyo. Gamitin ang password o subukan mamaya.", "Masyadong matagal ang pag-sign in o nagsimula ito sa ibang window. Pakisubukan muli."],
  zh: ["使用{s}登录", "退出登录", "登录被拒绝，请重试。", "此账号在本店没有席位。", "登录服务没有响应。请使用密码，或稍后再试。", "登录时间过长，或是在另一个窗口中开始的。请重试。"],
  ja: ["{s}でサインイン", "サインアウト", "サインインが拒否されました。もう一度お試しください。", "このアカウントにはこのショップの席がありません。", "サインインサービスが応答しません。パスワードを使うか、後でお試しください。", "時間がかかりすぎたか、別のウィンドウで始まりました。もう一度お試しください。"],
  ko: ["{s}(으)로 로그인", "로그아웃", "로그인이 거부되었습니다. 다시 시도해 주세요.", "이 계정은 이 상점에 자리가 없습니다.", "로그인 서비스가 응답하지 않습니다. 비밀번호를 쓰거나 나중에 다시 시도해 주세요.", "로그인이 너무 오래 걸렸거나 다른 창에서 시작되었습니다. 다시 시도해 주세요."],
};

export function signInStrings(locale: string): SignInStrings {
  const row = ALL[languageOf(locale)] ?? ALL["en"]!;
  return Object.fromEntries(KEYS.map((key, at) => [key, row[at]])) as SignInStrings;
}

/** What `GET /v1/openid/{shop}` tells. */
export interface ProviderOffer {
  /** What the button says; null where there is none. */
  label: string | null;
  signed_in: boolean;
}

const at = (shop: string, rest = ""): string => `/v1/openid/${encodeURIComponent(shop)}${rest}`;

export const sessionAt = (shop: string): string => at(shop, "/session");
export const startAt = (shop: string): string => at(shop, `/start?page=${location.pathname === "/supervisor" ? "supervisor" : "seat"}`);

export async function offerOf(shop: string): Promise<ProviderOffer> {
  const none = { label: null, signed_in: false };
  if (shop === "") return none;
  try {
    const response = await fetch(at(shop), { cache: "no-store" });
    return response.ok ? ((await response.json()) as ProviderOffer) : none;
  } catch {
    return none;
  }
}

/** Ends the session here; gives where the one at the provider is ended, if anywhere. */
export async function signOut(shop: string): Promise<string> {
  const here = `${location.pathname}?shop=${encodeURIComponent(shop)}`;
  const response = await fetch(at(shop, "/sign-out"), { method: "POST", cache: "no-store" });
  const answer = (await response.json()) as { end_session?: string | null };
  return answer.end_session ?? here;
}

/** How a sign-in ended, taken out of the page's address so that a reload does not tell it again. */
export function takeOutcome(): string | null {
  const address = new URL(location.href);
  const outcome = address.searchParams.get("sign_in");
  if (outcome === null) return null;
  address.searchParams.delete("sign_in");
  history.replaceState(null, "", address);
  return outcome;
}
