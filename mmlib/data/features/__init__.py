"""Published feature sets: one reader for all of them.

`sources` opens a file of features whatever its form, `checks` refuses what does not belong together, `conversion`
writes the prepared format once, in little memory, and goes on after a kill; `layout` finds the published files and
`standin` writes generated ones in their form. A set itself (`mmlib.data.ave`, `mmlib.data.voxceleb`) says only what is
its own: names of files, rules of labels and splits, published counts.
"""
