-- What `wellposed_studies.reporting` writes as divs with a class: the answer at the top of a page,
-- counts of claims, what belongs to a figure, cards of the index, links to other reports.

local html = FORMAT:match 'html' ~= nil
local verdicts = {'held', 'contradicted', 'undecided', 'not-run'}
local words = {['not-run'] = 'not run'}
local signs = {held = '●', contradicted = '✕', undecided = '○', ['not-run'] = '–'}

local function raw(text) return pandoc.RawBlock(html and 'html' or 'typst', text) end

local function escape(text)
  local entities = {['&'] = '&amp;', ['<'] = '&lt;', ['>'] = '&gt;', ['"'] = '&quot;'}
  return (text:gsub('[&<>"]', entities))
end

local function literal(text) return '"' .. text:gsub('[\\"]', '\\%0') .. '"' end

local function read(path)
  local file = io.open(path, 'rb')
  if not file then return nil end
  local content = file:read 'a'
  file:close()
  return content
end

local alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
local digits = {}
for i = 1, 64 do digits[i - 1] = alphabet:sub(i, i) end

local function base64(bytes)
  local parts = {}
  for i = 1, #bytes - 2, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local n = a << 16 | b << 8 | c
    parts[#parts + 1] = digits[n >> 18] .. digits[n >> 12 & 63] .. digits[n >> 6 & 63] .. digits[n & 63]
  end
  local rest = #bytes % 3
  if rest > 0 then
    local a, b = bytes:byte(#bytes - rest + 1, #bytes)
    local n = a << 16 | (b or 0) << 8
    local third = rest == 2 and digits[n >> 6 & 63] or '='
    parts[#parts + 1] = digits[n >> 18] .. digits[n >> 12 & 63] .. third .. '='
  end
  return table.concat(parts)
end

local function data_uri(kind, content) return 'data:' .. kind .. ';base64,' .. base64(content) end

-- A bar of held, contradicted and undecided, with the counts in words.
local function bar(attributes)
  local parts, text = {}, {}
  for _, verdict in ipairs(verdicts) do
    local n = tonumber(attributes[verdict] or '0')
    if n > 0 then
      parts[#parts + 1] = ('<span class="%s" style="flex-grow: %d"></span>'):format(verdict, n)
      text[#text + 1] = ('<span class="%s"><b aria-hidden="true">%s</b> %d %s</span>'):format(
        verdict, signs[verdict], n, words[verdict] or verdict)
    end
  end
  return ('<div class="bar" aria-hidden="true">%s</div><p class="counts">%s</p>'):format(
    table.concat(parts), table.concat(text, ' '))
end

local function counts_in_typst(attributes)
  local parts = {}
  for _, verdict in ipairs(verdicts) do
    parts[#parts + 1] = ('%s: %d'):format(verdict, tonumber(attributes[verdict] or '0'))
  end
  return '(' .. table.concat(parts, ', ') .. ')'
end

local function around(open, content, close)
  local blocks = pandoc.Blocks {raw(open)}
  blocks:extend(content)
  blocks:insert(raw(close))
  return blocks
end

local make = {}

function make.answer(el)
  return html and el or around('#answer[', el.content, ']')
end

function make.strip(el)
  if html then
    el.content:insert(1, raw(bar(el.attributes)))
    el.attributes = {}
    return el
  end
  return around('#strip(' .. counts_in_typst(el.attributes) .. ')[', el.content, ']')
end

-- Code, data and pictures of the figure before; not in the PDF.
make['figure-more'] = function(el)
  if not html then return {} end
  local file, name = el.attributes.file, el.attributes.name
  local links = {}
  for _, format in ipairs {{'csv', 'text/csv', 'data'}, {'png', 'image/png', 'PNG'}} do
    local content = read(file .. '.' .. format[1])
    if content then
      links[#links + 1] = ('<li><a download="%s.%s" href="%s">%s</a></li>'):format(
        escape(name), format[1], data_uri(format[2], content),
        format[1] == 'csv' and 'data (csv)' or format[3])
    end
  end
  local open = ('<details class="figure-more" data-name="%s"><summary>Code and data</summary>'
    .. '<ul class="files">%s</ul>'):format(escape(name), table.concat(links))
  return around(open, el.content, '</details>')
end

-- A figure that a script of the theme makes interactive; without it, the figure.
function make.interactive(el)
  if not html then return el.content end
  local data = read(el.attributes.data)
  local script = read('theme/' .. el.attributes.script .. '.js')
  if not data or not script then return el.content end
  local close = '<script type="application/json">' .. data:gsub('</', '<\\/') .. '</script><script>'
    .. script:gsub('</', '<\\/') .. '</script></div>'
  return around('<div class="interactive">', el.content, close)
end

-- A study in the index: a thumbnail, which leads to its report, what was found, and the counts.
function make.card(el)
  local image, alt, href = el.attributes.image, el.attributes.alt or '', el.attributes.href
  if html then
    local blocks = pandoc.Blocks {}
    local picture = image and read(image)
    if picture then
      local tag = ('<img alt="%s" src="%s">'):format(escape(alt), data_uri('image/svg+xml', picture))
      if href then tag = ('<a href="%s" tabindex="-1">%s</a>'):format(escape(href), tag) end
      blocks:insert(raw('<div class="thumbnail">' .. tag .. '</div>'))
    end
    blocks:insert(raw '<div class="finding">')
    blocks:extend(el.content)
    if el.attributes.held then blocks:insert(raw(bar(el.attributes))) end
    blocks:insert(raw '</div>')
    return pandoc.Div(blocks, {class = 'card'})
  end
  local picture = image and ('image(%s, alt: %s, width: 100%%)'):format(literal(image), literal(alt))
  local strip = el.attributes.held and 'counts: ' .. counts_in_typst(el.attributes) .. ', ' or ''
  return around(('#card(%spicture: %s)['):format(strip, picture or 'none'), el.content, ']')
end

-- Links to the index and the other reports, at the top of the page.
function make.neighbours(el)
  if not html then return around('#neighbours[', el.content, ']') end
  return around('<nav class="neighbours" aria-label="Reports">', el.content, '</nav>')
end

local function block(el)
  local maker = make[el.classes[1] or '']
  return maker and maker(el)
end

-- On narrow screens a figure of several panels has them one below the other.
local function picture(el)
  local narrow = html and read((el.src:gsub('%.svg$', '.narrow.svg')))
  if not narrow or not el.src:match '%.svg$' then return nil end
  local alt = el.attributes['fig-alt'] or el.attributes.alt or pandoc.utils.stringify(el.caption)
  return pandoc.RawInline('html', ('<picture><source media="screen and (max-width: 40rem)" srcset="%s">'
    .. '<img src="%s" alt="%s"></picture>'):format(
      data_uri('image/svg+xml', narrow), escape(el.src), escape(alt)))
end

return {{Image = picture}, {Div = block}}
