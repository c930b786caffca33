// Script of a creative: measures whether it is seen, and moves its button.
start(0.5);
const button = document.querySelector("b");
let frames = 0, visible = 0;
new IntersectionObserver(([entry]) => { visible = entry.intersectionRatio; }, { threshold: [0, 0.5, 1] }).observe(document.body);
const draw = () => {
  button.style.transform = `translateX(${Math.round(6 * Math.sin(frames / 10))}px)`;
  frames += 1;
  if (frames < 600) requestAnimationFrame(draw);
};
draw();
setTimeout(() => navigator.sendBeacon(at("advertising", "pixel.gif?event=viewable"), JSON.stringify({ frames, visible })), 1000);
