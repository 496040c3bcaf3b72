"""What does the photo show?"""
