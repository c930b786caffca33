// Writes into the title: letters drawn as boxes, whether letters are joined, whether emoji are single coloured glyphs.
await document.fonts.ready;
const canvas = new OffscreenCanvas(160, 64);
const pen = canvas.getContext("2d", { willReadFrequently: true });

const draw = (text, like) => {
  const { fontWeight, fontSize, fontFamily } = getComputedStyle(like);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.font = `${fontWeight} ${fontSize} ${fontFamily}`;
  pen.lang = like.lang;
  pen.textBaseline = "middle";
  pen.fillText(text, 20, 32);
  return pen.getImageData(0, 0, canvas.width, canvas.height).data;
};
const width = (text) => pen.measureText(text).width;
const unassigned = ["\u{378}", "\u{E0FF}", "\u{10FFFD}"];
const boxes = (like) => new Set(unassigned.map((none) => draw(none, like).join()));
const isBox = (letter, like) => boxes(like).has(draw(letter, like).join());

const found = { control: true };
const boxed = new Set(), blank = new Set();
for (const text of document.querySelectorAll("p")) {
  found.control &&= isBox("\u{F8FE}", text) && draw("\u{378}", text).some(Boolean);
  for (const letter of new Set(text.textContent)) {
    if (!/[\p{L}\p{N}\p{S}]/u.test(letter) || /[\p{Regional_Indicator}\p{Emoji_Modifier}]/u.test(letter)) continue;
    if (isBox(letter, text)) boxed.add(text.lang);
    if (!draw(letter, text).some(Boolean)) blank.add(text.lang);
  }
}

const [arabic, hindi, emoji] = ["ar", "hi", "en"].map((lang) => document.querySelector(`p[lang=${lang}]`));
const apart = (word) => [...word].join("\u200c");
draw("", arabic);
found.joined = [width("خير") < width(apart("خير"))];
draw("", hindi);
found.joined.push(width("क्ष") < width("क") + width("ष"));
draw("", emoji);
const one = width("\u{1F600}");
const pictures = ["👍🏽", "👩🏿‍🚀", "👨‍👩‍👧‍👦", "🇺🇳", "🏳️‍🌈", "1️⃣"];
found.broken = pictures.filter((each) => Math.abs(width(each) - one) > 1);
found.colourless = ["😀", "❤️", "👍🏽", "🇺🇳", "🏳️‍🌈"].filter((each) => {
  const pixels = draw(each, emoji);
  let coloured = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    const part = pixels.slice(at, at + 3);
    coloured += pixels[at + 3] > 200 && Math.max(...part) - Math.min(...part) > 40;
  }
  return coloured < 40;
});
const [simplified, japanese] = ["zh-Hans", "ja"].map((lang) => document.querySelector(`p[lang=${lang}]`));
found.regional = [draw("骨", simplified).join() !== draw("骨", japanese).join()];
const usual = ["Arial", "Helvetica", "Times New Roman", "Courier New", "Calibri", "Cambria"];
found.widths = usual.map((name) => {
  pen.font = `100px "${name}", fantasy`;
  return Math.round(width("Hamburgefonstiv 0123"));
});
[found.boxes, found.blank] = [[...boxed], [...blank]];
const brief = Object.entries(found).map(([name, value]) => [name, Array.isArray(value) ? value.join(" ") : value]);
document.title = JSON.stringify(Object.fromEntries(brief));  // of a title 300 characters are kept
