// Script of the chat's frame: draws the last messages.
start(0.5);
const list = document.querySelector("main");
for (let number = 0; number < 3; number += 1) {
  const row = document.createElement("p"), face = document.createElement("img");
  [face.src, face.width, face.height] = [`face${number}.jpg`, 32, 32];
  row.append(face, ["Hi there!", "How can we help you today?", "We usually reply in some minutes."][number]);
  list.append(row);
}
