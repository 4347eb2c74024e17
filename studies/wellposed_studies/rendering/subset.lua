-- The embedded engine's share of Quarto: numbers, cross-references, sub-figures, callouts.
-- What is not handled here is refused (by class, attribute or text), never dropped.

local html = FORMAT:match 'html' ~= nil
local names = {fig = 'Figure', tbl = 'Table', eq = 'Equation', sec = 'Section'}
local counts, sections, refs = {fig = 0, tbl = 0, eq = 0}, {}, {}
local nbsp = '\u{a0}'
local cell_line = ''

local function set(...)
  local members = {}
  for _, name in ipairs {...} do members[name] = true end
  return members
end

local function refuse(needle, why)
  error(('\nREFUSED\t%s\t%s\t%s\n'):format(cell_line, needle:match '[^\n]*', why), 0)
end

local function check(el, classes, attributes)
  for _, class in ipairs(el.classes) do
    if not classes[class] then refuse(class, 'class .' .. class .. ' is not supported here') end
  end
  for key in pairs(el.attributes) do
    if not attributes[key] then refuse(key, 'attribute ' .. key .. ' is not supported here') end
  end
end

local function register(id, text)
  if refs[id] then refuse(id, id .. ' is defined twice') end
  refs[id] = text
end

local function number(id, kind, needle)
  if not id:match('^' .. kind .. '%-%w') then
    refuse(needle, ('needs an id of the form #%s-name, got "#%s"'):format(kind, id))
  end
  counts[kind] = counts[kind] + 1
  register(id, tostring(counts[kind]))
  return names[kind] .. nbsp .. counts[kind]
end

local function caption(prefix, inlines)
  local label = html and pandoc.Span(prefix, {class = 'label'}) or pandoc.Strong(prefix)
  local full = pandoc.Inlines {label, pandoc.Space()}
  full:extend(inlines)
  return {long = pandoc.Blocks {pandoc.Plain(full)}}
end

-- The one image of a figure; its alternative text is fig-alt, not the caption.
local function image_of(figure)
  local image
  figure:walk {
    Image = function(el)
      if image then refuse(el.src, 'one image a figure') end
      image = el
    end,
  }
  if not image then refuse(figure.identifier, 'a figure without an image') end
  check(image, {}, set('fig-alt'))
  local alt = image.attributes['fig-alt']
  if not alt or alt == '' then refuse(image.src, 'an image needs a fig-alt, read aloud') end
  if html then return pandoc.Image({pandoc.Str(alt)}, image.src) end
  local call = '#image("%s", alt: "%s")'
  return pandoc.RawInline('typst', call:format(image.src, (alt:gsub('[\\"]', '\\%0'))))
end

local function figure(el)
  check(el, {}, set('fig-alt'))
  local prefix = number(el.identifier, 'fig', pandoc.utils.stringify(el.caption.long)) .. ':'
  local text = pandoc.utils.blocks_to_inlines(el.caption.long)
  return pandoc.Figure({pandoc.Plain {image_of(el)}}, caption(prefix, text), {id = el.identifier})
end

-- Split a cross-referenceable div into its content and the caption, its last paragraph.
local function split(div, what)
  local last = div.content[#div.content]
  if #div.content < 2 or last.t ~= 'Para' then
    refuse(div.identifier, 'ends with a paragraph, the caption, after its ' .. what)
  end
  local body = div.content:clone()
  body:remove(#body)
  return body, last.content
end

local function subfigures(div)
  check(div, {}, set('layout-ncol'))
  local body, text = split(div, 'sub-figures')
  local prefix = number(div.identifier, 'fig', div.identifier)
  local columns = div.attributes['layout-ncol'] or '1'
  local parts = pandoc.Blocks {}
  for i, block in ipairs(body) do
    if block.t ~= 'Figure' then refuse(div.identifier, 'holds something else than images') end
    local letter = ('(%s)'):format(string.char(96 + i))
    register(block.identifier, counts.fig .. nbsp .. letter)
    local inner = pandoc.utils.blocks_to_inlines(block.caption.long)
    local part = pandoc.Figure(
      {pandoc.Plain {image_of(block)}}, caption(letter, inner), {id = block.identifier})
    if html then
      parts:insert(part)
    else
      parts:extend {pandoc.RawBlock('typst', '['), part, pandoc.RawBlock('typst', '],')}
    end
  end
  if html then
    parts = {pandoc.Div(parts, {class = 'subfigures', style = '--columns: ' .. columns})}
  else
    parts:insert(1, pandoc.RawBlock('typst', ('#grid(columns: (1fr,) * %s, gutter: 1em,'):format(columns)))
    parts:insert(pandoc.RawBlock('typst', ')'))
  end
  return pandoc.Figure(parts, caption(prefix .. ':', text), {id = div.identifier})
end

local function numbered_table(el, id, text)
  check(el, {}, {})
  el.caption = caption(number(id, 'tbl', id ~= '' and id or pandoc.utils.stringify(text)) .. ':', text)
  el.identifier = id
  return el
end

local function table_div(div)
  check(div, {}, {})
  local body, text = split(div, 'table')
  if #body ~= 1 or body[1].t ~= 'Table' then refuse(div.identifier, 'holds one Markdown table') end
  return numbered_table(body[1], div.identifier, text)
end

local function plain_table(el)
  local text = pandoc.utils.blocks_to_inlines(el.caption.long)
  local last = text[#text]
  local id = last and last.t == 'Str' and last.text:match '^{#([%w_-]+)}$' or el.identifier
  if last and last.t == 'Str' and last.text:match '^{#' then text:remove(#text) end
  if id == '' and #text == 0 then return el end
  return numbered_table(el, id, text)
end

local function callout(div, kind, walk)
  check(div, set('callout-' .. kind), {})
  local title, body = pandoc.Inlines {pandoc.Str((kind:gsub('^%l', string.upper)))}, div.content
  if body[1] and body[1].t == 'Header' then title = body:remove(1).content end
  body = walk(body)
  if html then
    body:insert(1, pandoc.Para {pandoc.Strong(title)})
    return pandoc.Div(body, {class = 'callout callout-' .. kind})
  end
  local open = pandoc.Inlines {pandoc.RawInline('typst', ('#callout(kind: "%s", title: ['):format(kind))}
  open:extend(title)
  open:insert(pandoc.RawInline('typst', '], body: ['))
  body:insert(1, pandoc.Plain(open))
  body:insert(pandoc.RawBlock('typst', '])'))
  return body
end

local function header(el)
  check(el, set('unnumbered', 'unlisted'), {})
  if el.level < 2 then refuse(pandoc.utils.stringify(el), 'sections start at level 2, ##') end
  if not el.classes:includes 'unnumbered' then
    local level = el.level - 1
    for i = 1, level do sections[i] = sections[i] or 0 end
    for i = level + 1, #sections do sections[i] = nil end
    sections[level] = sections[level] + 1
    local n = table.concat(sections, '.')
    if el.identifier:match '^sec%-' then register(el.identifier, n) end
    if html then
      el.content:insert(1, pandoc.Span({pandoc.Str(n)}, {class = 'header-section-number'}))
      el.content:insert(2, pandoc.Space())
    end
  end
  if not html then el.level = el.level - 1 end
  return el
end

-- $$ ... $$ {#eq-name}
local function equations(inlines)
  for i = #inlines, 1, -1 do
    local last = inlines[i]
    local id = last and last.t == 'Str' and last.text:match '^{#(eq%-[%w_-]+)}$'
    local at = id and inlines[i - 1] and (inlines[i - 1].t == 'Math' and i - 1 or i - 2)
    local math = at and inlines[at]
    if math and math.t == 'Math' and math.mathtype == 'DisplayMath' then
      for _ = at, i do inlines:remove(at) end
      inlines:insert(at, pandoc.Span({math}, {id = id, class = 'equation'}))
    end
  end
  return inlines
end

local function equation(span)
  local n = number(span.identifier, 'eq', span.identifier):match '%d+'
  if html then
    span.content:insert(pandoc.Span({pandoc.Str('(' .. n .. ')')}, {class = 'equation-number'}))
    return span, false
  end
  span.content:insert(1, pandoc.RawInline('typst', '#math.equation(block: true, numbering: "(1)", ['))
  span.content:insert(pandoc.RawInline('typst', '])<' .. span.identifier .. '>'))
  return span.content, false
end

-- Blocks of `wellposed_studies.reporting`, which the theme's filters make.
local blocks = set('answer', 'strip', 'figure-more', 'interactive', 'card', 'neighbours')

local subset
local function div(el)
  local kind = (el.classes[1] or ''):match '^callout%-(%l+)$'
  if el.classes:includes 'cell' then
    cell_line = el.attributes.line
    local content = el.content:walk(subset)
    cell_line = ''
    return content, false
  elseif el.identifier:match '^fig%-' then
    return subfigures(el), false
  elseif el.identifier:match '^tbl%-' then
    return table_div(el), false
  elseif kind and set('note', 'tip', 'important', 'warning', 'caution')[kind] then
    return callout(el, kind, function(blocks) return blocks:walk(subset) end), false
  end
  if blocks[el.classes[1] or ''] and #el.classes == 1 then return el end
  check(el, {}, {})
end

subset = {
  traverse = 'topdown',
  Div = div,
  Figure = function(el) return figure(el), false end,
  Image = function(el) refuse(el.src, 'an image stands alone in its paragraph, with an id') end,
  Table = function(el) return plain_table(el) end,
  Header = function(el) return header(el) end,
  Span = function(el)
    if el.classes[1] == 'equation' then return equation(el) end
    if el.classes[1] == 'given' or el.classes[1] == 'given-code' then return el, false end
    check(el, set('header-section-number', 'label'), {})
  end,
  Code = function(el) check(el, {}, {}) end,
  Link = function(el) check(el, set('uri', 'email'), {}) end,
  CodeBlock = function(el)
    local class = el.classes[1] or ''
    if #el.classes > 1 or class:match '[{}]' then refuse(class, 'not a plain code block') end
    check(el, set(class), {})
  end,
  RawBlock = function(el) refuse(el.text, 'raw ' .. el.format .. ' is not supported') end,
  RawInline = function(el) refuse(el.text, 'raw ' .. el.format .. ' is not supported') end,
  Str = function(el)
    if el.text:match '{{<' then refuse('{{<', 'shortcodes are not supported') end
    if el.text:match '{#' or el.text:match '^:::' then refuse(el.text, 'was not understood') end
  end,
}

local function reference(el)
  for _, citation in ipairs(el.citations) do
    local kind = citation.id:match '^(%l+)%-'
    if names[kind] then
      local found = refs[citation.id]
      if not found then refuse('@' .. citation.id, '@' .. citation.id .. ' refers to nothing') end
      if #el.citations > 1 or #citation.prefix > 0 or #citation.suffix > 0 then
        refuse('@' .. citation.id, 'a cross-reference is @name or [-@name] alone')
      end
      local short = citation.mode == 'SuppressAuthor'
      return pandoc.Link(short and found or names[kind] .. nbsp .. found, '#' .. citation.id)
    end
  end
end

return {{Inlines = equations}, subset, {Cite = reference}}
