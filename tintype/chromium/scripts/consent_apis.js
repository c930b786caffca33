// Refuse consent by the APIs of the consent managers that were found. Runs in the page's own world, where these APIs are.
(managers) => {
  const called = [];
  const apis = {
    OneTrust: () => OneTrust.RejectAll(),
    Cookiebot: () => Cookiebot.submitCustomConsent(false, false, false),
    Didomi: () => Didomi.setUserDisagreeToAll(),
    Usercentrics: () => UC_UI.denyAllConsents().then(() => UC_UI.closeCMP()),
    "Usercentrics, version 3": () => __ucCmp.denyAllConsents().then(() => __ucCmp.closeCmp()),
    Osano: () => Osano.cm.denyAll(),
    Iubenda: () => _iub.cs.api.rejectAll(),
    CookieYes: () => performBannerAction("reject"),
    Complianz: () => cmplz_deny_all(),
    Klaro: () => {
      const manager = klaro.getManager();
      manager.changeAll(false);
      manager.saveAndApplyConsents();
    },
    "consentmanager.net": () => __cmp("setConsent", 0),
    Sourcepoint: () => window._sp_ && __tcfapi("postRejectAll", 2, () => {}),
    "CookieConsent (Orest Bida)": () => {
      CookieConsent.acceptCategory([]);
      CookieConsent.hide();
    },
    CookieFirst: () => CookieFirst.rejectAllCategories(),
    Shopify: () =>
      Shopify.customerPrivacy.setTrackingConsent(
        { analytics: false, marketing: false, preferences: false, sale_of_data: false }, () => {},
      ),
    tarteaucitron: () => tarteaucitron.userInterface.respondAll(false),
    CookieScript: () => CookieScript.instance.reject(),
    "Cookie Information": () => CookieInformation.declineAllCategories(),
    "Commanders Act": () => tC.privacyCenter.optoutAll(),
  };
  for (const [name, refuse] of Object.entries(apis)) {
    if (!managers.includes(name.split(",")[0])) continue;
    try {
      Promise.resolve(refuse()).catch(() => {});
      called.push(name);
    } catch {
      // The page does not have this manager.
    }
  }
  return called;
}
