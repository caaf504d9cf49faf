/**
 * The page's script: browsers over the data in `<script type="application/json" id="data">` (PageData). It writes
 * texts through textContent and the DOM's own methods only, never as markup. Plain JavaScript in a string, because it
 * runs in the reader's browser as it stands: no build step, no dependencies, and its hash is in the page's policy.
 */
export const pageScript = `"use strict";
(function () {
  var page = JSON.parse(document.getElementById("data").textContent);

  function element(name, className, text) {
    var made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function foreign(name, className, text) {
    var made = element(name, (className ? className + " " : "") + "foreign", text);
    made.setAttribute("dir", "auto");
    return made;
  }

  function badge(method) {
    var space = "http://www.w3.org/2000/svg";
    var image = document.createElementNS(space, "svg");
    image.setAttribute("class", "badge " + method.colour);
    image.setAttribute("viewBox", "-7 -7 14 14");
    image.setAttribute("aria-hidden", "true");
    var path = document.createElementNS(space, "path");
    path.setAttribute("d", method.marker);
    image.appendChild(path);
    var whole = element("span", "method");
    whole.appendChild(image);
    whole.appendChild(element("span", "", method.name));
    return whole;
  }

  function head(item) {
    var box = element("div", "item-head");
    box.appendChild(element("p", "quiet", item.id));
    box.appendChild(foreign("p", "question", item.question));
    var gold = element("p", "gold");
    gold.appendChild(element("span", "quiet", "Gold answer "));
    gold.appendChild(foreign("b", "", item.answer));
    box.appendChild(gold);
    return box;
  }

  function verdict(chunk) {
    var words = chunk.skipped ? "skipped" : chunk.candidate ? "kept" : "always kept";
    var box = element("p", "verdict");
    box.appendChild(element("b", "", words));
    if (chunk.reason) box.appendChild(foreign("span", "", " – " + chunk.reason));
    if (chunk.trial) box.appendChild(foreign("span", "trial", " · " + chunk.trial));
    return box;
  }

  function drawRationale(item, place) {
    place.appendChild(head(item));
    var line = [item.whole, item.objective].filter(Boolean).join("  ");
    if (line) place.appendChild(foreign("p", "quiet", line));
    var cards = element("ol", "chunks");
    item.chunks.forEach(function (chunk, index) {
      var card = element("li", "chunk" + (chunk.skipped ? " skipped" : ""));
      var side = element("div", "chunk-side" + (chunk.heat >= 0 ? " h" + chunk.heat : ""));
      side.appendChild(element("b", "", String(index + 1)));
      if (chunk.nll) {
        var loss = element("span", "", chunk.nll);
        loss.setAttribute("title", "mean loss per token, in nats");
        side.appendChild(loss);
      }
      card.appendChild(side);
      var main = element("div", "chunk-main");
      chunk.steps.forEach(function (step) {
        var row = element("p", "step");
        row.appendChild(foreign(chunk.skipped ? "s" : "span", "step-text", step.text));
        if (step.role) row.appendChild(element("span", "role", step.role));
        main.appendChild(row);
      });
      main.appendChild(verdict(chunk));
      card.appendChild(main);
      cards.appendChild(card);
    });
    place.appendChild(cards);
    if (item.cut) place.appendChild(element("p", "cut", item.cut));
  }

  function drawProblem(item, place) {
    place.appendChild(head(item));
    var list = element("div", "outputs");
    item.outputs.forEach(function (output) {
      var card = element("article", "output " + (output.correct ? "right" : "wrong"));
      var title = element("h4");
      title.appendChild(badge(page.methods[output.method]));
      title.appendChild(element("span", "mark-word", output.correct ? "✓ right" : "✗ wrong"));
      card.appendChild(title);
      var text = foreign("p", "output-text");
      if (output.start >= 0) {
        text.appendChild(document.createTextNode(output.text.slice(0, output.start)));
        text.appendChild(element("mark", "", output.text.slice(output.start, output.end)));
        text.appendChild(document.createTextNode(output.text.slice(output.end)));
      } else {
        text.textContent = output.text || "(nothing)";
      }
      card.appendChild(text);
      var note = element("p", "quiet");
      note.appendChild(foreign("span", "", output.answer ? "read as " + output.answer : "no answer could be read"));
      note.appendChild(element("span", "", ", " + output.note));
      card.appendChild(note);
      list.appendChild(card);
    });
    place.appendChild(list);
  }

  function drawSample(item, place) {
    place.appendChild(head(item));
    var card = element("article", "output " + (item.kept ? "right" : "wrong"));
    var title = element("h4");
    title.appendChild(element("span", "", item.kept ? "Rationale" : "Reply"));
    title.appendChild(element("span", "mark-word", item.fate));
    card.appendChild(title);
    card.appendChild(foreign("p", "output-text", item.text || "(nothing)"));
    card.appendChild(foreign("p", "quiet", item.note));
    place.appendChild(card);
  }

  function start(id, part, draw) {
    var root = document.getElementById(id + "-browser");
    if (!root) return;
    var place = root.querySelector(".item");
    var position = root.querySelector(".position");
    var select = root.querySelector("select");
    var buttons = root.querySelectorAll("button");
    var view = part.views[0];
    var at = 0;

    function show() {
      var last = Math.max(0, view.items.length - 1);
      at = Math.max(0, Math.min(last, at));
      place.textContent = "";
      position.textContent = view.items.length === 0 ? "none" : at + 1 + " of " + view.items.length;
      // Not the disabled property: a button that loses the focus at the end would end the use of the keys too.
      buttons[0].setAttribute("aria-disabled", String(at === 0));
      buttons[1].setAttribute("aria-disabled", String(at === last));
      if (view.items.length > 0) draw(part.items[view.items[at]], place);
    }

    buttons.forEach(function (button) {
      button.addEventListener("click", function () {
        at += Number(button.getAttribute("data-move"));
        show();
      });
    });
    select.addEventListener("change", function () {
      view = part.views[Number(select.value)];
      at = 0;
      show();
    });
    root.addEventListener("keydown", function (event) {
      if (event.target === select || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      var moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: view.items.length - 1 };
      if (!Object.prototype.hasOwnProperty.call(moves, event.key)) return;
      event.preventDefault();
      at = moves[event.key];
      show();
    });
    show();
  }

  start("samples", page.samples, drawSample);
  start("rationales", page.rationales, drawRationale);
  start("problems", page.problems, drawProblem);
})();
`;
