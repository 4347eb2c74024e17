// Step through precomputed fits by a slider: fits on the left, their components on the right.
(() => {
  const root = document.currentScript.parentElement;
  const data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
  const figure = root.querySelector('figure');
  const picture = figure && figure.querySelector('picture, img');
  if (!picture) return;

  const ink = '#1f2933', muted = '#52606d';
  const colours = ['#000000', '#0072B2', '#D55E00', '#7b8794'];
  const dashes = ['', '6 3', '8 3 2 3', '2 3'];
  // Two panels side by side, or one below the other on a narrow screen.
  const narrow = matchMedia('(max-width: 40rem)').matches;
  const size = narrow ? {width: 350, height: 560} : {width: 640, height: 290};
  const panels = {
    fits: narrow ? {left: 46, right: 334, top: 14, floor: 248} : {left: 46, right: 372, top: 14, floor: 248},
    curves: narrow ? {left: 46, right: 334, top: 310, floor: 518} : {left: 436, right: 624, top: 14, floor: 248},
  };
  const space = 'http://www.w3.org/2000/svg';

  const make = (name, attributes, parent, text) => {
    const element = document.createElementNS(space, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  };
  const extent = values => [Math.min(...values), Math.max(...values)];
  const scale = ([low, high], [start, end]) => v => start + (v - low) / (high - low || 1) * (end - start);
  const path = (xs, ys) => 'M' + xs.map((x, i) => x.toFixed(1) + ',' + ys[i].toFixed(1)).join('L');
  const round = v => Math.abs(v) < 5e-4 ? '0' : String(+v.toPrecision(3)).replace('-', '\u2212');

  const svg = make('svg', {
    viewBox: `0 0 ${size.width} ${size.height}`, role: 'img', 'font-size': 11.5,
    'font-family': 'system-ui, sans-serif', fill: ink,
  }, document.createElement('div'));
  const title = make('title', {}, svg);

  const ticks = ([low, high]) => {
    const step = 10 ** Math.floor(Math.log10(high - low)) * ((high - low) / 10 ** Math.floor(Math.log10(high - low)) > 4 ? 1 : 0.5);
    const found = [];
    for (let v = Math.ceil(low / step) * step; v <= high + 1e-9; v += step) found.push(+v.toFixed(6));
    return found;
  };
  const frame = (panel, domain, y, xlabel, ylabel) => {
    for (const v of ticks(domain)) {
      make('line', {x1: panel.left, x2: panel.right, y1: y(v), y2: y(v), stroke: '#e4e8ec'}, svg);
      make('text', {x: panel.left - 5, y: y(v) + 4, 'text-anchor': 'end'}, svg, round(v));
    }
    const {left, right, top, floor} = panel;
    make('line', {x1: left, x2: left, y1: top, y2: floor, stroke: muted}, svg);
    make('line', {x1: left, x2: right, y1: floor, y2: floor, stroke: muted}, svg);
    const middle = (panel.left + panel.right) / 2;
    make('text', {x: middle, y: floor + 34, 'text-anchor': 'middle'}, svg, xlabel);
    const place = `translate(${left - 34},${(top + floor) / 2}) rotate(-90)`;
    make('text', {transform: place, 'text-anchor': 'middle'}, svg, ylabel);
  };

  // The fits: their range is that of the truth, widened, whatever one of them does outside.
  const [low, high] = extent(data.truth);
  const domain = [low - 0.75 * (high - low), high + 0.75 * (high - low)];
  const x = scale(extent(data.x), [panels.fits.left, panels.fits.right]);
  const y = scale(domain, [panels.fits.floor, panels.fits.top]);
  frame(panels.fits, domain, y, data.x_label, data.y_label);
  for (const v of ticks(extent(data.x))) {
    make('text', {x: x(v), y: panels.fits.floor + 15, 'text-anchor': 'middle'}, svg, round(v));
  }
  const clip = 'clip-' + Math.random().toString(36).slice(2);
  make('rect', {
    x: panels.fits.left, y: panels.fits.top, width: panels.fits.right - panels.fits.left,
    height: panels.fits.floor - panels.fits.top,
  }, make('clipPath', {id: clip}, svg));
  const inside = make('g', {'clip-path': `url(#${clip})`, fill: 'none'}, svg);
  const xs = data.x.map(x);
  const line = (attributes) => make('path', attributes, inside);
  const fits = data.steps[0].lines.map(() => line({class: 'fit', stroke: '#D55E00', 'stroke-width': 0.8, 'stroke-opacity': 0.45}));
  line({class: 'truth', stroke: '#000', 'stroke-width': 1.8, d: path(xs, data.truth.map(y))});
  const mean = line({class: 'mean', stroke: '#0072B2', 'stroke-width': 2.4, 'stroke-dasharray': '7 4'});
  [['one training set each', '#D55E00', 0.45, ''], ['their mean', '#0072B2', 1, '7 4'], ['the truth', '#000', 1, '']]
    .forEach(([text, stroke, opacity, dash], i) => {
      const top = panels.fits.top + 8 + 15 * i, left = panels.fits.left + 10;
      make('line', {x1: left, x2: left + 22, y1: top, y2: top, stroke, 'stroke-opacity': opacity, 'stroke-width': 2, 'stroke-dasharray': dash}, svg);
      make('text', {x: left + 28, y: top + 4}, svg, text);
    });

  // Their components, with a marker at the strength of the fits.
  const names = Object.keys(data.curves);
  const positions = data.steps.map((_, i) => i);
  const most = [0, Math.max(...names.flatMap(name => data.curves[name]))];
  const right = scale(extent(positions), [panels.curves.left, panels.curves.right]);
  const up = scale(most, [panels.curves.floor, panels.curves.top]);
  frame(panels.curves, most, up, data.parameter + ' \u2192', data.curve_label);
  data.steps.forEach((step, i) => {
    if (i % 2 === 0) make('text', {x: right(i), y: panels.curves.floor + 15, 'text-anchor': 'middle', 'font-size': 10}, svg, step.label);
  });
  const marker = make('line', {
    class: 'marker', y1: panels.curves.top, y2: panels.curves.floor, stroke: muted, 'stroke-width': 1.5,
  }, svg);
  const dots = names.map((name, i) => {
    make('path', {
      d: path(positions.map(right), data.curves[name].map(up)), fill: 'none', stroke: colours[i % 4],
      'stroke-width': 1.8, 'stroke-dasharray': dashes[i % 4],
    }, svg);
    return make('circle', {r: 4, fill: colours[i % 4]}, svg);
  });

  // A slider of the browser's: it has a keyboard, a label and a value that is read aloud.
  const controls = document.createElement('div');
  controls.className = 'controls';
  const id = 'slider-' + clip;
  controls.innerHTML = `<label for="${id}"></label><input type="range" id="${id}" min="0" step="1">`
    + `<output for="${id}"></output>`;
  const [label, input, output] = controls.children;
  label.textContent = data.parameter + ', from weak to strong';
  input.max = data.steps.length - 1;
  input.value = 0;

  const swatches = names.map((_, k) => `<i class="swatch" style="background: ${colours[k % 4]}"></i>`);
  const show = () => {
    const i = +input.value, step = data.steps[i];
    fits.forEach((fit, k) => fit.setAttribute('d', path(xs, step.lines[k].map(y))));
    mean.setAttribute('d', path(xs, step.mean.map(y)));
    marker.setAttribute('x1', right(i));
    marker.setAttribute('x2', right(i));
    names.forEach((name, k) => {
      dots[k].setAttribute('cx', right(i));
      dots[k].setAttribute('cy', up(data.curves[name][i]));
    });
    const numbers = names.map(name => name + ' ' + round(data.curves[name][i])).join(', ');
    const text = `${data.parameter} ${step.label}: ${numbers}`;
    output.replaceChildren(`${data.parameter} ${step.label}: `);
    names.forEach((name, k) => {
      output.insertAdjacentHTML('beforeend', `<span>${swatches[k]} </span>`);
      output.lastChild.append(`${name} ${round(data.curves[name][i])}`);
    });
    title.textContent = `${fits.length} fits, their mean and the truth. ${text}.`;
    input.setAttribute('aria-valuetext', text);
  };
  input.addEventListener('input', show);
  show();

  picture.classList.add('static');
  picture.before(svg);
  svg.after(controls);
})();
