document.title = "advertised";
document.body.style.background = "#c00";
